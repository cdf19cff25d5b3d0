(function () {
  'use strict';
  var root = document.documentElement;
  window.addEventListener('error', function (e) { root.setAttribute('data-js-error', e.message); });
  var $ = function (id) { return document.getElementById(id); };
  var make = function (tag, text, cls) {
    var e = document.createElement(tag);
    if (text !== undefined) e.textContent = text;
    if (cls) e.className = cls;
    return e;
  };
  var p = JSON.parse($('rung-pictures').textContent);
  var state = { unit: 0, factor: -1, step: 0 } /* factor -1: nothing is set */, rows = [], thumbs = [];

  /* A cell of a sheet of equal pictures without gaps, whatever the size of the box. */
  function cell(box, sheet, columns, lines, x, y) {
    box.style.aspectRatio = p.width + ' / ' + p.height;
    box.style.backgroundImage = 'url("' + sheet + '")';
    box.style.backgroundSize = columns * 100 + '% ' + lines * 100 + '%';
    box.style.backgroundPosition = (columns > 1 ? x / (columns - 1) * 100 : 0) + '% ' + (lines > 1 ? y / (lines - 1) * 100 : 0) + '%';
  }
  function first(unit, factor) { return p.start[unit * p.factors.length + factor]; }
  function show() {
    var u = state.unit, f = state.factor, count = p.factors.length, after = $('try-after');
    cell($('try-before'), p.originals, 1, p.units.length, 0, u);
    $('try-before').setAttribute('aria-label', 'picture ' + p.units[u] + ' as it was');
    var now = p.as_seen[u], said = 'nothing is set';
    if (f < 0) cell(after, p.originals, 1, p.units.length, 0, u);
    else {
      cell(after, p.sheet, p.steps, p.units.length * count, state.step, u * count + f);
      now = p.values[u][f][state.step];
      said = 'had ' + p.factors[f].name + ' been ' + p.factors[f].labels[state.step];
    }
    $('try-said').textContent = said;
    after.setAttribute('aria-label', 'picture ' + p.units[u] + ', ' + said);
    rows.forEach(function (r, i) {
      r.line.className = i === f ? 'set' : now[i] !== p.as_seen[u][i] ? 'moved' : '';
      r.was.textContent = p.as_seen[u][i]; r.is.textContent = now[i];
      r.input.value = i === f ? state.step : first(u, i);
      r.input.setAttribute('aria-valuetext', p.factors[i].labels[+r.input.value]);
    });
    thumbs.forEach(function (b, i) { b.setAttribute('aria-pressed', String(i === u)); });
  }
  p.units.forEach(function (row, u) {
    var b = make('button'), s = make('span', undefined, 'sprite');
    b.type = 'button'; b.setAttribute('aria-label', 'picture ' + row); s.style.display = 'block';
    cell(s, p.originals, 1, p.units.length, 0, u);
    b.appendChild(s); b.addEventListener('click', function () { state.unit = u; show(); });
    document.querySelector('.choose').appendChild(b); thumbs.push(b);
  });
  p.factors.forEach(function (factor, f) {
    var line = make('tr'), name = make('td', factor.name, 'name'), dial = make('td', undefined, 'dial'), input = make('input');
    if (factor.unit) name.appendChild(make('div', factor.unit, 'small'));
    input.type = 'range'; input.min = 0; input.max = factor.labels.length - 1; input.step = 1;
    input.setAttribute('aria-label', 'Set ' + factor.name);
    input.addEventListener('input', function () { state.factor = f; state.step = +input.value; show(); });
    dial.appendChild(input);
    var was = make('td', '', 'n was'), is = make('td', '', 'n is');
    [name, dial, was, is].forEach(function (c) { line.appendChild(c); });
    $('try-dials').appendChild(line);
    rows.push({ line: line, input: input, was: was, is: is });
  });
  $('try-reset').addEventListener('click', function () { state.factor = -1; show(); });
  document.querySelector('.pair').style.setProperty('--side', Math.max(1, Math.round(200 / p.width)) * p.width + 'px');
  $('try-body').hidden = false;
  if (p.factors.length) { /* the first what-if that is seen is a large one */
    var last = p.factors[0].labels.length - 1;
    state.factor = 0; state.step = first(0, 0) > last / 2 ? 0 : last;
  }
  show();
  window.addEventListener('beforeprint', function () {
    document.querySelectorAll('details').forEach(function (d) { d._was = d.open; d.open = true; });
  });
  window.addEventListener('afterprint', function () {
    document.querySelectorAll('details').forEach(function (d) { d.open = d._was; });
  });
  root.setAttribute('data-js', 'ready');
})();
