/** What the small bundle gives to the shim in `bin/`: a look at whether the whole program is needed at all. */
export { keptGather } from './commands/kept-gather.js';
