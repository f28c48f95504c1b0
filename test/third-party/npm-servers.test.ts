import { compareEach } from './compare.ts';
import { NPM_SERVERS } from './npm-servers.ts';

compareEach(NPM_SERVERS);
