import { compareEach } from './compare.ts';
import { PYTHON_SERVERS } from './python-servers.ts';

compareEach(PYTHON_SERVERS);
