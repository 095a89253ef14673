// Preloaded into contenders whose memory is measured: writes the peak in kilobytes to the file in BENCH_PEAK_FILE.
'use strict';

const { readFileSync, writeFileSync } = require('node:fs');

process.on('exit', () => writeFileSync(process.env.BENCH_PEAK_FILE, String(peakKb())));

function peakKb() {
  try {
    // getrusage() counts the parent's memory at the time of the fork in; this does not.
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  } catch {
    return process.resourceUsage().maxRSS;
  }
}
