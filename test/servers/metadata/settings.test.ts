import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verifies } from '../../verifies.js';
import { metadataServerSettings, type MetadataServerFlags } from '../../../src/servers/metadata/settings.js';

const LOCAL = join('/home/me', 'resources', 'product_metadata.json');
const everywhere = { cwd: '/home/me', exists: () => true };

function settings(flags: MetadataServerFlags = {}, env: Record<string, string> = {}) {
  return metadataServerSettings(flags, env, everywhere);
}

describe('the settings of the metadata server', () => {
  verifies('meta:port', 'has defaults', () => {
    expect(settings()).toEqual({ host: '127.0.0.1', port: 8002, transport: 'http', metadataPath: LOCAL });
  });

  verifies('meta:port', 'takes flags before variables, and variables before defaults', () => {
    const env = {
      PRODUCT_MCP_HOST: '127.0.0.2',
      PRODUCT_MCP_PORT: '9000',
      PRODUCT_MCP_TRANSPORT: 'stdio',
      PRODUCT_MCP_METADATA_PATH: 'mine.json',
      PRODUCT_MCP_LOG_LEVEL: 'DEBUG',
    };
    expect(settings({}, env)).toEqual({
      host: '127.0.0.2',
      port: 9000,
      transport: 'stdio',
      metadataPath: '/home/me/mine.json',
      logLevel: 'debug',
    });
    const flags = { host: '::1', port: 0, transport: 'http', metadata: '/other.json', logLevel: 'error' };
    expect(settings(flags, env)).toEqual({
      host: '::1',
      port: 0,
      transport: 'http',
      metadataPath: '/other.json',
      logLevel: 'error',
    });
  });

  it("takes the documents' words, and empty variables as unset", () => {
    expect(settings({ transport: 'SSE' }).transport).toBe('http');
    expect(settings({}, { PRODUCT_MCP_LOG_LEVEL: 'WARNING' }).logLevel).toBe('warn');
    expect(settings({}, { PRODUCT_MCP_PORT: '' }).port).toBe(8002);
  });

  it('takes the file that comes with mcpx where the working directory has none', () => {
    const { metadataPath } = metadataServerSettings(
      {},
      {},
      {
        cwd: '/home/me',
        exists: (path) => path === join(process.cwd(), 'resources', 'product_metadata.json'),
      },
    );
    expect(metadataPath).toBe(join(process.cwd(), 'resources', 'product_metadata.json'));
    const nowhere = metadataServerSettings({}, {}, { cwd: '/home/me', exists: () => false });
    expect(nowhere.metadataPath).toBe(LOCAL);
  });

  it.each([
    [{ port: '70000' }, '--port', '65535'],
    [{ port: '80a' }, '--port', '65535'],
    [{ port: '-1' }, '--port', '65535'],
    [{ host: '' }, '--host', '127.0.0.1'],
    [{ host: 'http://x' }, '--host', '127.0.0.1'],
    [{ transport: 'websocket' }, '--transport', 'http or stdio'],
    [{ logLevel: 'loud' }, '--log-level', 'debug, info, warn, error'],
  ])('refuses the flag %j as a usage error that says what it takes', (flags, source, hint) => {
    expect(() => settings(flags)).toThrow(
      expect.objectContaining({
        code: 'CLI901',
        exitCode: 2,
        message: expect.stringContaining(source),
        hint: expect.stringContaining(hint),
      }),
    );
  });

  it('names the variable that has a bad value', () => {
    expect(() => settings({}, { PRODUCT_MCP_PORT: 'eight' })).toThrow(
      expect.objectContaining({
        code: 'CFG115',
        exitCode: 3,
        message: 'PRODUCT_MCP_PORT cannot be "eight"',
      }),
    );
  });
});
