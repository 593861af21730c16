// The package, as it is installed in the folder that the tests are started in.
import { createRequire } from 'node:module';
import { join } from 'node:path';

export const kyros = createRequire(join(process.cwd(), 'here.js'))('@kyros/sdk');
