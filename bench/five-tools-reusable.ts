import { defineServer } from '../src/sources/define-server.ts';
import fiveTools from './five-tools.ts';

/** The tools of `five-tools.ts`, from server objects that serve one modern request after another. */
export default defineServer({ ...fiveTools, reusable: true });
