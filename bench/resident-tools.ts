import { defineServer } from '../src/sources/define-server.ts';
import fiveTools from './five-tools.ts';

/** The tools of `five-tools.ts`, resident: a session holds its slot until it ends, and so a full server refuses. */
export default defineServer({ ...fiveTools, sessions: 'resident' });
