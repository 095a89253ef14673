import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { hasLivingMember } from '../../../src/core/clients/strays.js';

/** A shell that leads a process group of its own. */
function startLeader(script: string) {
  const leader = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
  const group = leader.pid!;
  return {
    leader,
    group,
    [Symbol.dispose]() {
      try {
        process.kill(-group, 'SIGKILL');
      } catch {
        // Nobody is left.
      }
    },
  };
}

describe.runIf(process.platform === 'linux')('the group of a child that has ended', () => {
  it('lives for as long as it has a member', async () => {
    using started = startLeader('sleep 60 >/dev/null & echo $!');
    const [said] = (await once(started.leader.stdout, 'data')) as [Buffer];
    await once(started.leader, 'close');
    expect(hasLivingMember(started.group)).toBe(true);
    process.kill(Number(said), 'SIGKILL');
    await expect.poll(() => hasLivingMember(started.group)).toBe(false);
  });

  it('is the group of a stranger where somebody has its number', async () => {
    // To us it looks as if the number of a child that ended long ago had been given to another one.
    using stranger = startLeader('echo; read line');
    await once(stranger.leader.stdout, 'data');
    expect(hasLivingMember(stranger.group)).toBe(false);
  });
});
