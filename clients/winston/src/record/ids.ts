/** The id in lower case, or `undefined` if it is invalid: another length, or all zeros, which means "no id". */
export function hexId(value: unknown, digits: 32 | 16): string | undefined {
  if (typeof value !== 'string') return undefined;
  // Trace ids may be written like UUIDs.
  const id = value.replaceAll('-', '').toLowerCase();
  return id.length === digits && /^[0-9a-f]+$/.test(id) && /[^0]/.test(id) ? id : undefined;
}
