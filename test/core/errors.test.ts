import { describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  ERROR_CODES,
  MCPConnectionError,
  MCPOrchestratorException,
  NoMCPAvailableError,
  ResourceFetchError,
  SQLGenerationError,
} from '../../src/core/errors.js';
import { verifies } from '../verifies.js';

describe('the family of errors', () => {
  verifies('orch:errors', 'each has context, cause and a JSON form, and is what the documents name', () => {
    const kinds = {
      MCPConnectionError,
      ResourceFetchError,
      NoMCPAvailableError,
      ConfigurationError,
      SQLGenerationError,
    };
    for (const [name, Kind] of Object.entries(kinds)) {
      const cause = new Error('inner', { cause: new Error('innermost') });
      const error = new Kind('UPS201', 'what failed', {
        context: { server: 'a', phase: 'connect' },
        hint: 'what to do',
        fix: 'mcpx init',
        cause,
      });
      expect(error).toBeInstanceOf(MCPOrchestratorException);
      expect(error).toBeInstanceOf(Error);
      expect(error.name).toBe(name);
      expect(error.cause).toBe(cause);
      expect(JSON.parse(JSON.stringify(error))).toEqual({
        code: 'UPS201',
        name: 'connect_timeout',
        message: 'what failed',
        server: 'a',
        hint: 'what to do',
        fix: 'mcpx init',
        exit_code: 4,
        context: { phase: 'connect' },
        causes: ['inner', 'innermost'],
      });
    }
  });

  it('a chain of causes that bites its own tail ends', () => {
    const inner = new Error('inner');
    const error = new MCPConnectionError('UPS203', 'outer', { cause: inner });
    inner.cause = error;
    expect(error.toJSON().causes).toEqual(['inner']);
  });

  it('leaves out what there is not', () => {
    expect(Object.keys(new ConfigurationError('CFG101', 'gone').toJSON()).sort()).toEqual([
      'causes',
      'code',
      'exit_code',
      'message',
      'name',
    ]);
  });
});

describe('the codes', () => {
  it('have names of their own, the family of their number, and a documented exit status', () => {
    const entries = Object.entries(ERROR_CODES);
    expect(new Set(entries.map(([, { name }]) => name)).size).toBe(entries.length);
    for (const [code, { name, exit, meaning }] of entries) {
      expect(code).toMatch(/^(CFG1|UPS2|RES3|SRV4|SQL5|CLI9)\d\d$/);
      expect(name).toMatch(/^[a-z_]+$/);
      expect([0, 1, 2, 3, 4, 5, 7, 8, 9, 130]).toContain(exit);
      expect(meaning.length).toBeGreaterThan(10);
    }
  });

  it('a refused credential, a missing thing and a taken port have exits of their own', () => {
    const exits = (...codes: (keyof typeof ERROR_CODES)[]) => codes.map((code) => ERROR_CODES[code].exit);
    expect(exits('UPS207', 'RES301', 'RES305', 'RES306', 'SRV401', 'CFG101', 'CLI901', 'UPS219')).toEqual([
      5, 7, 7, 7, 9, 3, 2, 130,
    ]);
  });
});
