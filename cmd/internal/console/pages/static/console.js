// Enhances the page; everything works without scripts.
// It shows new records without reloading, keeps the selection, and shows times
// in the browser's time zone.
'use strict';

const live = document.querySelector('[data-live]');
const announce = document.getElementById('announce');
const texts = document.getElementById('texts').dataset;
const say = (name, n) => texts[name].replace('{n}', n);

// Times -----------------------------------------------------------------------

// The server writes times in the zone that this cookie names.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
document.cookie = 'stockpush_zone=' + encodeURIComponent(zone) + '; path=/; max-age=31536000; samesite=lax';

function age(then) {
  const s = Math.max(0, Math.floor((Date.now() - then) / 1000));
  if (s < 60) return say('seconds', s);
  if (s < 3600) return say('minutes', Math.floor(s / 60));
  if (s < 172800) return say('hours', Math.floor(s / 3600));
  return say('days', Math.floor(s / 86400));
}

function showTimes(root) {
  for (const t of root.querySelectorAll('[data-ago]')) t.textContent = age(Date.parse(t.dataset.ago));
}

// reload once if the page is in another zone than the browser: at the first visit, and after moving.
function keepZone() {
  if (texts.zone === zone || sessionStorage.getItem('zone') === zone) return;
  sessionStorage.setItem('zone', zone);
  location.reload();
}

function followTimes() {
  showTimes(document);
  setInterval(() => { for (const t of document.querySelectorAll('[data-ago]')) t.textContent = age(Date.parse(t.dataset.ago)); }, 1000);
}

// Selecting -------------------------------------------------------------------

const boxes = () => [...document.querySelectorAll('[name=key][type=checkbox]')];

// offer names on a button how many rows it takes; none disable it.
function offer(id, n, none, some) {
  const button = document.getElementById(id);
  if (!button) return;
  button.disabled = n === 0;
  button.textContent = n ? say(some, n) : texts[none];
}

function showPicked() {
  const all = boxes(), chosen = all.filter((b) => b.checked);
  const text = document.getElementById('picked'), every = document.getElementById('all-rows');
  if (text) text.textContent = chosen.length ? say('selected', chosen.length) : texts.select;
  offer('push-selected', chosen.filter((b) => 'failing' in b.dataset).length, 'push', 'pushN');
  offer('now-selected', chosen.length, 'now', 'nowN');
  if (every) {
    every.hidden = all.length === 0;
    every.checked = chosen.length > 0 && chosen.length === all.length;
    every.indeterminate = chosen.length > 0 && chosen.length < all.length;
  }
}

let lastBox = null; // start of a range selected by shift-click

function onClick(event) {
  const box = event.target;
  if (box.id === 'show-new') { showNew(); return; }
  if (box.id === 'all-rows') {
    for (const b of boxes()) b.checked = box.checked;
  } else if (box.name === 'key') {
    const all = boxes(), from = all.indexOf(lastBox), to = all.indexOf(box);
    if (event.shiftKey && from >= 0) for (const b of all.slice(Math.min(from, to), Math.max(from, to) + 1)) b.checked = box.checked;
    lastBox = box;
  } else return;
  showPicked();
}

// Following -------------------------------------------------------------------

const raw = new WeakMap(); // an element's text as the server wrote it; times are rewritten here
const focusable = 'a, button, input, summary, select, textarea';

// written returns an element's text without relative times, which change on their own.
const written = (e) => e.outerHTML.replace(/(<span[^>]* data-ago="[^"]*"[^>]*>)[^<]*/g, '$1');

function remember(root) {
  for (const e of root.querySelectorAll('[data-key], [data-part]')) raw.set(e, written(e));
}

const isChosen = (row) => Boolean(row.querySelector('[name=key]:checked'));

// swap replaces an element and keeps what the user did to it.
function swap(old, fresh) {
  const chosen = isChosen(old);
  const open = [...old.querySelectorAll('details')].map((d) => d.open);
  const focus = [...old.querySelectorAll(focusable)].indexOf(document.activeElement);
  raw.set(fresh, written(fresh));
  for (const box of fresh.querySelectorAll('[name=key][type=checkbox]')) box.checked = chosen;
  fresh.querySelectorAll('details').forEach((d, i) => { d.open = Boolean(open[i]); });
  old.replaceWith(fresh);
  if (focus >= 0) [...fresh.querySelectorAll(focusable)][focus]?.focus({preventScroll: true});
}

// The rows stay in place while the pointer or the focus is on the list, or some are selected:
// a row must not move away from under a click. What is new waits for the button. Every list has
// one, except the outcomes of a re-push, which people watch.
const held = {fresh: null};

function holds(list) {
  const canShow = document.getElementById('held') !== null;
  return canShow && (list.matches(':hover') || list.contains(document.activeElement) || boxes().some((b) => b.checked));
}

// release shows what waited, once nothing holds the rows any more.
function release() {
  const list = live.querySelector('[data-list]');
  if (held.fresh && list && !holds(list)) showNew();
}

// updateInPlace updates the rows that are shown, dims those that are no longer in the list, and
// returns how many others wait.
function updateInPlace(list, fresh) {
  const shown = new Map([...list.children].filter((e) => e.dataset.key).map((e) => [e.dataset.key, e]));
  let added = 0, changed = 0;
  for (const row of [...fresh.children].filter((e) => e.dataset.key)) {
    const now = shown.get(row.dataset.key);
    if (!now) { added++; continue; }
    shown.delete(row.dataset.key);
    now.classList.remove('gone');
    if (raw.get(now) !== written(row)) {
      const copy = row.cloneNode(true);
      swap(now, copy);
      showTimes(copy);
      changed++;
    }
  }
  for (const row of shown.values()) row.classList.add('gone');
  return {added, changed};
}

function offerNew(added) {
  const offer = document.getElementById('held');
  if (!offer) return;
  offer.hidden = added === 0;
  if (added) document.getElementById('show-new').textContent = say('newRows', added);
}

function showNew() {
  const list = live.querySelector('[data-list]');
  if (held.fresh && list) {
    mergeList(list, held.fresh.querySelector('[data-list]'));
    mergeParts(held.fresh, '.facets[data-part]');
  }
  held.fresh = null;
  offerNew(0);
  showPicked();
}

// mergeList updates a list's rows. A selected row that is no longer in the
// list stays at its end, so that the selection is complete.
function mergeList(list, fresh) {
  const old = new Map([...list.children].filter((e) => e.dataset.key).map((e) => [e.dataset.key, e]));
  let changed = 0, place = [...list.children].filter((e) => !e.dataset.key).at(-1) ?? null;
  for (const row of [...fresh.children].filter((e) => e.dataset.key)) {
    let now = old.get(row.dataset.key);
    old.delete(row.dataset.key);
    if (!now || raw.get(now) !== written(row)) {
      changed++;
      if (now) swap(now, row); else raw.set(row, written(row));
      now = row;
      now.classList.add('fresh');
      showTimes(now);
    }
    now.classList.remove('gone');
    const next = place ? place.nextElementSibling : list.firstElementChild;
    if (next !== now) list.insertBefore(now, next);
    place = now;
  }
  for (const row of old.values()) {
    if (isChosen(row)) { row.classList.add('gone'); list.append(row); } else row.remove();
  }
  return changed;
}

// mergeParts updates the parts of a page that a selector matches.
function mergeParts(fresh, which) {
  let changed = 0;
  for (const part of fresh.querySelectorAll(which)) {
    const now = live.querySelector('[data-part="' + part.dataset.part + '"]');
    if (now && raw.get(now) !== written(part)) { swap(now, part); showTimes(part); changed++; }
  }
  return changed;
}

function merge(fresh) {
  const list = live.querySelector('[data-list]'), freshList = fresh.querySelector('[data-list]');
  if (!list !== !freshList) { // the list appeared or disappeared
    live.replaceChildren(...fresh.childNodes);
    remember(live);
    showTimes(live);
    return 1;
  }
  if (list && holds(list)) {
    const waiting = updateInPlace(list, freshList);
    held.fresh = fresh;
    offerNew(waiting.added);
    // Counts above the rows may take another line, which would move the rows.
    return waiting.changed + mergeParts(fresh, '[data-part]:not(.facets)');
  }
  held.fresh = null;
  offerNew(0);
  return (list ? mergeList(list, freshList) : 0) + mergeParts(fresh, '[data-part]');
}

const following = {tag: '', on: true, wait: 2000, said: 0};
const button = document.getElementById('live-switch');

function showLive(text, lost) {
  document.getElementById('live-text').textContent = text;
  button.classList.toggle('lost', lost);
}

async function ask() {
  const headers = {'Stockpush-Live': '1'};
  if (following.tag) headers['If-None-Match'] = following.tag;
  const answer = await fetch(location.href, {headers, cache: 'no-store'});
  if (answer.redirected) { location.reload(); return; }
  if (answer.status === 304) { release(); return; }
  if (!answer.ok) throw new Error(answer.statusText);
  const page = new DOMParser().parseFromString('<div>' + await answer.text() + '</div>', 'text/html');
  following.tag = answer.headers.get('ETag') ?? '';
  const changed = merge(document.adoptNode(page.body.firstElementChild));
  showPicked();
  if (changed && Date.now() - following.said > 10000) { // limit announcements of a busy page
    following.said = Date.now();
    announce.textContent = say('changed', changed);
  }
}

async function follow() {
  if (following.on && !document.hidden) {
    const began = performance.now();
    try {
      await ask();
      following.wait = Math.max(2000, 10 * (performance.now() - began)); // poll slow answers less often
      showLive(following.on ? texts.live : texts.paused, false);
    } catch {
      following.wait = Math.min(following.wait * 2, 30000);
      showLive(texts.lost, true);
    }
  }
  if (live.querySelector('[data-done="true"]')) button.hidden = true; // no more changes
  else setTimeout(follow, following.wait);
}

function startFollowing() {
  button.hidden = false;
  button.addEventListener('click', () => {
    following.on = !following.on;
    button.setAttribute('aria-pressed', String(following.on));
    showLive(following.on ? texts.live : texts.paused, false);
  });
  remember(live);
  setTimeout(follow, live.querySelector('[data-done="false"]') ? 500 : following.wait);
}

// A date chooses the range "from – to".
for (const field of document.querySelectorAll('[data-custom]')) {
  field.addEventListener('change', () => { field.form.elements.range.value = 'custom'; });
}

// On a phone the tabs are wider than the screen.
const tab = document.querySelector('.tabs [aria-current]');
if (tab) tab.closest('nav').scrollLeft = tab.offsetLeft - 16;

if (live && button) startFollowing();
document.addEventListener('click', onClick);
window.addEventListener('pageshow', showPicked); // Back restores what was selected
keepZone();
followTimes();
showPicked();
