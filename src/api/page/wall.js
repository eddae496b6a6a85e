// Keeps the wall live: one event a second from the server. Says loudly when none comes, and connects again by itself.
'use strict';

const STALE = 5000; // Milliseconds without news, or old news, after which the wall is not the present.
const AGAIN = 3000; // Wait before a new connection where the browser itself has given up.
const MUTE = 300000;
const SHIFT = 12 * 3600000; // A tested sound counts for one shift.
const LETTERS = { x: 'down', d: 'degraded', n: 'unknown', m: 'maintenance', s: 'suspended', u: 'up' };

const words = document.body.dataset;
const at = (id) => document.getElementById(id);
const steady = () => performance.now();
const cells = [];
let heard = -Infinity; // When the last event came, on the steady clock.
let ahead = Number(words.utc) - steady(); // Server time less steady time.
let age = 0;
let alarm = null;
let sites = ''; // Letters of services, as they are shown.

function make(tag, parent, text, kind) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  parent.append(made);
  return made;
}

function spell(millis) {
  const seconds = Math.floor(Math.abs(millis) / 1000);
  const two = (number) => String(number).padStart(2, '0');
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

// ---- cells

// All classes first, then one layout, then the animations: not a layout for each cell.
function turn(turned, isNews) {
  const here = [];
  for (const [place, letter] of turned) {
    const cell = (cells[place] ??= at(`c${place}`));
    if (!cell) continue;
    cell.classList.remove(...Object.values(LETTERS), 'turned');
    cell.classList.add(LETTERS[letter]);
    here.push(cell);
  }
  for (const group of new Set(here.map((cell) => cell.closest('article')))) {
    group.classList.toggle('hit', group.querySelector('i.down') !== null);
  }
  if (!isNews || here.length === 0) return;
  void here[0].offsetWidth; // Lets animations begin again.
  for (const cell of here) cell.classList.add('turned');
}

// ---- lists

function list(id, rows, write) {
  const place = at(id);
  place.replaceChildren();
  if (rows.length === 0) make('p', place, place.dataset.none, 'quiet');
  for (const row of rows) write(place, row);
}

function incident(place, one) {
  const card = make('div', place, undefined, `incident tier${one.tier}${one.acknowledged ? '' : ' waiting'}`);
  card.dataset.id = one.id;
  const about = make('div', card);
  const head = make('h4', about);
  make('b', head, one.level);
  head.append(`${one.scope}${one.inferred ? ` (${one.inferred})` : ''}`);
  const line = make('p', about, `${one.down} / ${one.links} · ${words.lasts} `);
  make('span', line).dataset.began = one.began;
  line.append(` · ${one.acknowledged ?? words.waiting}`);
  if (words.take && !one.acknowledged) {
    const take = make('button', line, words.take, 'take');
    take.addEventListener('click', () => ask(one));
  }
  clock(card, words.respond, one.response);
  clock(card, words.restore, one.restore);
}

function clock(card, name, times) {
  const box = make('div', card, undefined, 'clock');
  if (!times) return;
  box.dataset.from = times.from;
  box.dataset.until = times.until;
  box.dataset.name = name;
  make('span', box, undefined, 'ring');
  make('span', box, name);
  make('b', box);
}

// Clocks run between events too, and count up once they are overdue.
function tick() {
  const now = steady() + ahead;
  for (const box of document.querySelectorAll('.clock[data-until]')) {
    const [from, until] = [Number(box.dataset.from), Number(box.dataset.until)];
    const overdue = now > until;
    box.classList.toggle('overdue', overdue);
    box.children[1].textContent = `${box.dataset.name} ${overdue ? words.overdue : words.left}`;
    box.children[2].textContent = (overdue ? '+' : '') + spell(until - now);
    const share = Math.min(100, Math.max(0, (100 * (now - from)) / (until - from)));
    box.children[0].style.setProperty('--share', `${share}%`);
  }
  for (const span of document.querySelectorAll('[data-began]')) span.textContent = spell(now - Number(span.dataset.began));
  const silent = steady() - heard + age;
  at('stale').hidden = silent <= STALE;
  if (silent > STALE) {
    const seconds = Number.isFinite(silent) ? ` ${Math.floor(silent / 1000)} s` : '';
    at('stale').textContent = `${words.noNews}${seconds} · ${words.connecting}`;
  }
  at('age').textContent = Number.isFinite(silent) ? `${(silent / 1000).toFixed(1)} s` : '–';
  at('age').classList.toggle('bad', silent > STALE);
  // Swedish writes 2026-11-22 01:02:03.
  at('time').textContent = new Date(now).toLocaleString('sv-SE', { timeZone: words.zone });
  sound();
}

// ---- an officer's PIN

const TYPING = 60000; // A form that nobody fills in closes.
let asked = null; // The incident, the key of its form, and when it closes.

function ask(one) {
  if (asked) clearTimeout(asked.closes);
  asked = { id: one.id, key: Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join('') };
  at('pin-scope').textContent = `${one.level} ${one.scope}`;
  at('pin-said').textContent = '';
  at('pin').querySelector('form').reset();
  if (!at('pin').open) at('pin').showModal();
  asked.closes = setTimeout(() => at('pin').close(), TYPING);
}

async function show(event) {
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(event.target));
  fields.set('incident', asked.id);
  fields.set('key', asked.key);
  const head = { 'X-CSRF-Token': words.token };
  const answer = await fetch(`/wall/acknowledge?lang=${document.documentElement.lang}`, { method: 'POST', headers: head, body: fields }).catch(() => null);
  at('pin-said').textContent = answer ? await answer.text() : words.noNews;
  event.target.elements.pin.value = '';
  if (answer?.ok) at('pin').close();
}

at('pin')?.querySelector('form').addEventListener('submit', show);
at('pin-close')?.addEventListener('click', () => at('pin').close());

// ---- sound

let context = null;
let tested = -Infinity;
let mutedUntil = -Infinity;
let rang = -Infinity;

const mayRing = () => context?.state === 'running' && steady() - tested < SHIFT;

function beep(tier) {
  const pitches = tier === 1 ? [880, 660, 880, 660, 880, 660] : [660, 880];
  pitches.forEach((pitch, nth) => {
    const tone = new OscillatorNode(context, { frequency: pitch, type: 'square' });
    const gain = new GainNode(context, { gain: 0.2 });
    tone.connect(gain).connect(context.destination);
    tone.start(context.currentTime + nth * 0.25);
    tone.stop(context.currentTime + nth * 0.25 + 0.2);
  });
}

function sound() {
  const button = at('sound');
  button.classList.toggle('blocked', !mayRing());
  button.textContent = mayRing() ? words.ready : words.blocked;
  const muted = steady() < mutedUntil;
  at('mute').textContent = muted ? `${words.muted} ${spell(mutedUntil - steady())}` : words.mute;
  const pause = alarm === 1 ? 3000 : 10000;
  if (alarm !== null && mayRing() && !muted && steady() - rang > pause) {
    rang = steady();
    beep(alarm);
  }
}

at('sound').addEventListener('click', async () => {
  context ??= new AudioContext();
  await context.resume();
  tested = steady();
  beep(2);
  sound();
});
at('mute').addEventListener('click', () => {
  mutedUntil = steady() < mutedUntil ? -Infinity : steady() + MUTE; // A mute always ends.
  sound();
});

// ---- events

function take(news) {
  if (news.layout && news.layout !== words.layout) {
    location.reload(); // Another ledger or another program: the cells are not these.
    return;
  }
  heard = steady();
  age = news.age;
  ahead = news.at - steady();
  if (news.cells) turn([...news.cells].entries(), false);
  turn(news.turned ?? [], true);
  if (news.counts) {
    for (const [name, count] of Object.entries(news.counts)) {
      at(`n-${name}`).textContent = count;
      at(`n-${name}`).parentElement.classList.toggle('none', count === 0);
    }
  }
  if ('total' in news) at('n-total').textContent = news.total;
  if ('open' in news) at('open').textContent = news.open;
  if ('alarm' in news) alarm = news.alarm;
  if (news.coverage) at('coverage').textContent = news.coverage;
  if (news.vantage) {
    at('vantage').textContent = news.vantage.text;
    at('vantage').classList.toggle('bad', !news.vantage.up);
  }
  if (news.reasons) {
    at('reasons').hidden = news.reasons.length === 0;
    at('reasons').textContent = news.reasons.join(' · ');
  }
  if (news.incidents) list('incidents', news.incidents, incident);
  if (news.events) {
    list('events', news.events, (place, one) => {
      const row = make('li', place);
      make('time', row, one.at);
      make('b', row, one.text);
      make('span', row, one.scope);
    });
  }
  if (news.worst) {
    list('worst', news.worst, (place, one) => {
      const row = make('li', place);
      make('b', row, one.link);
      make('small', row, one.unit);
      make('span', row);
      make('b', row, one.left, one.spent ? 'spent' : '');
    });
  }
  if (news.expiring) {
    list('expiring', news.expiring, (place, one) => {
      const row = make('li', place);
      make('b', row, one.kind);
      make('small', row, one.ends);
      make('span', row, one.name);
      make('b', row, `${one.days} ${words.days}`, one.class === 'up' ? '' : `ends ${one.class}`);
    });
  }
  if (news.veto) {
    for (const id of ['veto-head', 'veto']) at(id).hidden = news.veto.length === 0;
    list('veto', news.veto, (place, one) => {
      const row = make('li', place);
      make('b', row, one.share);
      make('small', row);
      make('span', row, one.name);
      make('b', row, one.left, one.reached ? 'spent' : '');
    });
  }
  if (news.services) {
    [...news.services.cells].forEach((letter, nth) => {
      if (letter !== sites[nth]) at(`s${nth}`).className = LETTERS[letter];
    });
    sites = news.services.cells;
    for (const name of ['up', 'down', 'unknown']) at(`sites-${name}`).textContent = news.services[name];
  }
  tick();
}

// The pages of the wall take turns where its address asks for that and there is more than one.
function rotate() {
  const seconds = Number(words.rotate);
  if (seconds === 0 || at('s0') === null) return;
  setInterval(() => {
    for (const id of ['matrix', 'sites']) at(id).hidden = !at(id).hidden;
  }, seconds * 1000);
}

function listen() {
  const events = new EventSource(words.events);
  events.onmessage = (message) => take(JSON.parse(message.data));
  events.onerror = () => {
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN);
  };
}

listen();
rotate();
setInterval(tick, 1000);
