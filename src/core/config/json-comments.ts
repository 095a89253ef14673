/**
 * JSON as editors write it, with spaces for its comments and trailing commas, so that every place stays where it is.
 *
 * A YAML file may hold the same signs and mean something else by them: it comes back as it was.
 */
export function withoutJsonComments(file: string, text: string): string {
  if (!/^\uFEFF?\s*(?:\{|\/[/*])/.test(text) || !/\/[/*]|,\s*[}\]]/.test(text)) return text;
  const bare = stripJsonComments(text);
  return bare === text || /\.jsonc?$/i.test(file) || isJson(bare) ? bare : text;
}

// What is not closed reaches to its end; looking again from every place in it would take quadratic time.
const COMMENT = /"(?:[^"\\\n]|\\[^\n])*"?|\/\/[^\n]*|\/\*(?:[\s\S]*?\*\/|[\s\S]*$)/g;
const TRAILING_COMMA = /"(?:[^"\\\n]|\\[^\n])*"?|,(?=\s*[}\]])/g;

/** JSON with spaces for its comments and trailing commas: every place stays where it is. */
export function stripJsonComments(text: string): string {
  return text
    .replace(COMMENT, (part) => (part.startsWith('/') ? part.replace(/[^\r\n]/g, ' ') : part))
    .replace(TRAILING_COMMA, (part) => (part === ',' ? ' ' : part));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
