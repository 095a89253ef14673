import { describe, expect, it } from 'vitest';
import {
  hasWellKnownKey,
  isCredentialArgument,
  isCredentialName,
  replaceWellKnownKeys,
} from '../../../src/core/config/credential.js';

describe('a name tells a credential', () => {
  it.each(
    'TOKEN GITHUB_TOKEN apiKey API_KEY x-api-key Authorization Proxy-Authorization Set-Cookie DB_PASSWORD pwd AWS_SECRET_ACCESS_KEY X-Auth-Token-V2 --client-secret sig auth'.split(
      ' ',
    ),
  )('%s', (name) => {
    expect(isCredentialName(name)).toBe(true);
  });

  it.each(
    'TOKEN_FILE KEY_FILE AWS_ACCESS_KEY_ID MAX_TOKENS TOKEN_LIMIT TOKENIZER PRIMARY_KEY CACHE_KEY SORT_KEY MONKEY Accept PASSWORD_MIN_LENGTH AUTHOR x'.split(
      ' ',
    ),
  )('and none: %s', (name) => {
    expect(isCredentialName(name)).toBe(false);
  });
});

describe('a form tells a key', () => {
  it.each([
    'ghp_0123456789abcdef',
    'sk-proj-0123456789',
    'xoxb-1234567890',
    'AKIAIOSFODNN7EXAMPLE',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln',
    'glpat-abcdefghij',
  ])('%s, wherever it stands', (key) => {
    expect(hasWellKnownKey(key)).toBe(true);
    for (const text of [`"${key}"`, `a=${key};`, `x_${key} y`, `Bearer ${key}`]) {
      expect(replaceWellKnownKeys(text, () => '***')).toBe(text.replace(key, '***'));
    }
  });

  it('words that begin like one are none', () => {
    for (const word of [
      'sk-learn-pipeline',
      'hf_transfer',
      'npm_config_registry',
      'task-1234567890',
      'eyJ',
    ]) {
      expect(hasWellKnownKey(word), word).toBe(false);
    }
  });
});

it('an argument is one by its flag, by the flag before it, or by its form', () => {
  const args = [
    '--token',
    'abc',
    '--password=x',
    '--key=',
    '--verbose',
    'abc',
    'ghp_0123456789',
    '--secret',
    '-v',
  ];
  expect(args.map((_, index) => isCredentialArgument(args, index))).toEqual([
    false,
    true,
    true,
    false,
    false,
    false,
    true,
    false,
    false,
  ]);
});
