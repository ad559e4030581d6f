// A small orchestra of oscillators: enough to judge harmony, weight and timing against the picture.
const SUSTAINS = (program) => (program >= 16 && program <= 23) || (program >= 38 && program <= 44) || (program >= 48 && program <= 95 && program !== 55);

class Orchestra {
  constructor() {
    this.context = new (window.AudioContext || window.webkitAudioContext)();
    const c = this.context, limiter = c.createDynamicsCompressor();
    this.out = c.createGain();
    this.out.gain.value = 0.5;
    const room = c.createConvolver(), wet = c.createGain();
    room.buffer = this.impulse(1.7);
    wet.gain.value = 0.22;
    this.out.connect(limiter); this.out.connect(room); room.connect(wet); wet.connect(limiter);
    limiter.connect(c.destination);
    this.noise = this.impulse(0.25);
    this.buses = score.parts.map(() => { const g = c.createGain(); g.connect(this.out); return g; });
    this.live = new Set();
  }
  impulse(seconds) {
    const rate = this.context.sampleRate, length = Math.floor(rate * seconds), buffer = this.context.createBuffer(2, length, rate);
    for (let ch = 0; ch < 2; ch++) {
      const data = buffer.getChannelData(ch);
      let seed = 7 + ch;
      for (let i = 0; i < length; i++) { seed = (seed * 16807) % 2147483647; data[i] = (seed / 1073741823.5 - 1) * Math.exp(-5 * i / length); }
    }
    return buffer;
  }
  mute(part, on) { this.buses[part].disconnect(); if (!on) this.buses[part].connect(this.out); }
  note(part, when, seconds, pitch, velocity, level) {
    const c = this.context, { role, program } = score.parts[part], hertz = 440 * 2 ** ((pitch - 69) / 12);
    const gain = c.createGain(), loud = (velocity / 127) ** 1.7 * level * ({ bass: 0.5, figure: 0.34, hits: 0.9 }[role] || 0.16);
    const filter = c.createBiquadFilter(), struck = !SUSTAINS(program);
    filter.type = "lowpass";
    filter.frequency.value = Math.min(9000, hertz * (struck ? 5 : 2.5) + velocity * (role === "swell" ? 14 : 22));
    filter.connect(gain); gain.connect(this.buses[part]);
    const attack = struck ? 0.004 : role === "bass" ? 0.03 : Math.min(0.14, seconds / 3);
    const stop = when + seconds, ring = struck ? Math.min(1.2, 60 / hertz + 0.25) : 0.22;
    gain.gain.setValueAtTime(0, when);
    gain.gain.linearRampToValueAtTime(loud, when + attack);
    if (struck) gain.gain.setTargetAtTime(0, when + attack, ring / 2.2);
    gain.gain.setTargetAtTime(0, Math.max(stop, when + attack), struck ? 0.08 : 0.07);
    const end = Math.max(stop, when + attack) + 0.5;
    const shapes = role === "hits" ? [["sine", 1, 0]] : struck ? [["triangle", 1, 0], ["sine", 2.001, 0]] : [["sawtooth", 1, -5], ["sawtooth", 1, 5]];
    for (const [shape, ratio, cents] of shapes) {
      const osc = c.createOscillator();
      osc.type = shape; osc.frequency.value = hertz * ratio; osc.detune.value = cents;
      if (role === "hits") { osc.frequency.setValueAtTime(hertz * 1.5, when); osc.frequency.exponentialRampToValueAtTime(hertz, when + 0.06); }
      osc.connect(filter); osc.start(when); osc.stop(end);
      this.keep(osc);
    }
    if (role === "hits") {
      const burst = c.createBufferSource();
      burst.buffer = this.noise; burst.connect(filter); burst.start(when); burst.stop(when + 0.2);
      this.keep(burst);
    }
  }
  keep(source) { this.live.add(source); source.onended = () => this.live.delete(source); }
  silence() { for (const source of this.live) { try { source.stop(); } catch (error) { /* already over */ } } this.live.clear(); }
}

// The page's clock. It follows the sound card, or the computer's clock where no sound can be made.
class Player {
  constructor() { this.at = 0; this.playing = false; this.orchestra = null; this.muted = new Set(); this.timer = 0; }
  get now() {
    if (!this.playing) return this.at;
    return Math.min(score.duration, this.at + (this.silent ? performance.now() / 1000 - this.startWall : this.orchestra.context.currentTime - this.startAudio));
  }
  async play() {
    if (this.playing) return;
    if (this.at >= score.duration - 0.02) this.at = 0;
    this.silent = false;
    try { this.orchestra ||= new Orchestra(); await this.orchestra.context.resume(); } catch (error) { this.silent = true; }
    this.startAudio = this.orchestra ? this.orchestra.context.currentTime + 0.06 : 0;
    this.startWall = performance.now() / 1000;
    this.playing = true;
    this.next = score.parts.map((part) => part.notes.findIndex((note) => note[0] >= this.at - 1e-3));
    if (this.orchestra) this.sustainFrom(this.at);
    this.timer = setInterval(() => this.schedule(), 40);
    this.schedule();
  }
  sustainFrom(at) {
    score.parts.forEach((part, p) => part.notes.forEach(([start, length, pitch, velocity]) => {
      if (start < at - 1e-3 && start + length > at + 0.1 && SUSTAINS(part.program)) this.orchestra.note(p, this.startAudio, start + length - at, pitch, velocity, this.level(part, at));
    }));
  }
  level(part, seconds) {
    const row = part.volume.length ? part.volume[Math.max(0, rowAt(part.volume, seconds))] : null;
    return row ? 0.35 + 0.65 * (row[1] / 127) ** 1.5 : 1;
  }
  schedule() {
    const context = this.orchestra && this.orchestra.context;
    if (!this.silent && performance.now() / 1000 - this.startWall > 0.7 && (!context || context.currentTime - this.startAudio < 0.05)) this.silent = true;
    const now = this.now, until = now + 0.3;
    if (now >= score.duration - 1e-3) { this.pause(); this.at = 0; return; }
    if (this.silent) return;
    score.parts.forEach((part, p) => {
      while (this.next[p] >= 0 && this.next[p] < part.notes.length && part.notes[this.next[p]][0] < until) {
        const [start, length, pitch, velocity] = part.notes[this.next[p]++];
        this.orchestra.note(p, Math.max(context.currentTime, this.startAudio + start - this.at), length, pitch, velocity, this.level(part, start));
      }
    });
  }
  pause() {
    this.at = this.now; this.playing = false;
    clearInterval(this.timer);
    if (this.orchestra) this.orchestra.silence();
  }
  async seek(seconds) {
    const again = this.playing;
    if (again) this.pause();
    this.at = Math.max(0, Math.min(score.duration, seconds));
    if (again) await this.play();
  }
  mute(part, on) {
    if (on) this.muted.add(part); else this.muted.delete(part);
    this.orchestra ||= new Orchestra();
    this.orchestra.mute(part, on);
  }
}
