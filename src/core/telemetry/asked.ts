type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Whether the environment asks for traces or metrics by the variables that all of OpenTelemetry's SDKs know. They
 * come last: without an address nothing is sent, and nothing of OpenTelemetry is loaded.
 */
export function asksForTelemetry(env: Environment): boolean {
  return asksFor('TRACES', env) || asksFor('METRICS', env);
}

/** @param signal  as it stands in the names of the variables */
export function asksFor(signal: 'TRACES' | 'METRICS', env: Environment): boolean {
  // Only "true" disables, in whatever case (OpenTelemetry specification, "Boolean").
  if (env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true') return false;
  if (exportersOf(signal, env).includes('none')) return false;
  return isSet(env['OTEL_EXPORTER_OTLP_ENDPOINT']) || isSet(env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`]);
}

/** The named exporters: a list with commas; `otlp` when left out. */
export function exportersOf(signal: 'TRACES' | 'METRICS', env: Environment): readonly string[] {
  const names = (env[`OTEL_${signal}_EXPORTER`] ?? '').split(',').map((name) => name.trim());
  const given = names.filter((name) => name !== '');
  return given.length === 0 ? ['otlp'] : given;
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value.trim() !== '';
}
