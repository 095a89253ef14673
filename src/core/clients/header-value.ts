/** Plain printable ASCII goes as it is, anything else as `=?base64?…?=` (2026-07-28, "Header encoding"). */
export function headerValue(text: string): string {
  const plain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !/^=\?base64\?.*\?=$/i.test(text);
  return plain ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`;
}
