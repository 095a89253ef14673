import { Chalk } from 'chalk';

export type Ink = 'bold' | 'cyan' | 'dim' | 'green' | 'red' | 'yellow';
export type Paint = Readonly<Record<Ink, (text: string) => string>>;

const same = (text: string) => text;
/** Without colours nothing of the library is needed, and a short command need not load it. */
const NO_COLOR: Paint = { bold: same, cyan: same, dim: same, green: same, red: same, yellow: same };

/** Colours that are there or not, as the view says; never decided by looking at the environment. */
export function paint(color: boolean): Paint {
  return color ? new Chalk({ level: 1 }) : NO_COLOR;
}
