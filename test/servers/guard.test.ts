import { describe, expect, it } from 'vitest';
import { createGuard } from '../../src/servers/guard.js';

describe('a server that is reached from outside', () => {
  const guard = createGuard({
    host: '0.0.0.0',
    allowOrigins: ['https://app.example'],
    allowHosts: ['mcp.example'],
  });

  it.each([
    ['192.0.2.7:8002', undefined],
    ['192.0.2.7:8002', 'http://192.0.2.7:8002'],
    ['[2001:db8::1]:8002', 'http://[2001:db8::1]:8002'],
    ['mcp.example', 'https://mcp.example'],
    ['192.0.2.7:8002', 'http://localhost:3000'],
    ['192.0.2.7:8002', 'https://app.example'],
  ])('answers under the host %s to a page of %s', (host, origin) => {
    expect(guard.refusal({ host, ...(origin === undefined ? {} : { origin }) })).toBeUndefined();
  });

  it.each([
    ['192.0.2.7:8002', 'http://203.0.113.9'],
    ['192.0.2.7:8002', 'http://192.0.2.7:9999'],
    ['192.0.2.7:8002', 'http://[2001:db8::1]'],
    ['192.0.2.7:8002', 'null'],
    ['mcp.example', 'https://evil.example'],
  ])('under the host %s refuses a page of %s', (host, origin) => {
    expect(guard.refusal({ host, origin })).toContain('--allow-origin');
  });

  it('takes its own address as an origin, whatever the port of the page', () => {
    const own = createGuard({ host: '192.0.2.7' });
    expect(own.refusal({ host: '192.0.2.7:8002', origin: 'http://192.0.2.7:3000' })).toBeUndefined();
    expect(own.refusal({ host: '192.0.2.7:8002', origin: 'http://192.0.2.8:8002' })).toContain('Origin');
  });
});
