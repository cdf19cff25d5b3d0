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
  var sim = JSON.parse($('rung-simulator').textContent);
  var nodes = Array.prototype.slice.call(document.querySelectorAll('#graph-figure .node'));
  var edges = Array.prototype.slice.call(document.querySelectorAll('#graph-figure .edge'));
  var state = { chosen: -1, value: null };

  function fmt(v) {
    if (v === null || v === undefined || !isFinite(v)) return '–';
    if (v === 0) return '0';
    var a = Math.abs(v), s;
    if (a < 1e-4 || a >= 1e7) s = v.toExponential(2);
    else s = String(+v.toPrecision(a >= 1000 ? Math.max(3, Math.floor(Math.log10(a)) + 1) : 3));
    return s.replace('-', '−');
  }
  function variable(name) { return Object.prototype.hasOwnProperty.call(sim.variables, name) ? sim.variables[name] : {}; }
  function effects(name) { return Object.prototype.hasOwnProperty.call(sim.effects, name) ? sim.effects[name] : null; }
  function unit(v) { return v.unit ? ' ' + v.unit : ''; }
  function label(v, x) {
    if (v.levels && v.grid) { var i = v.grid.indexOf(x); if (i >= 0 && i < v.levels.length) return String(v.levels[i]); }
    return fmt(x) + unit(v);
  }
  /* Exact at the grid's points; between them linear, which is exact for linear mechanisms. */
  function at(grid, ys, x) {
    var n = grid.length;
    if (!n || !ys) return NaN;
    if (n === 1 || x <= grid[0]) return n > 1 && x < grid[0] ? ys[0] + (x - grid[0]) * (ys[1] - ys[0]) / (grid[1] - grid[0]) : ys[0];
    for (var i = 1; i < n; i++) {
      if (x <= grid[i]) {
        var w = (x - grid[i - 1]) / (grid[i] - grid[i - 1]);
        return ys[i - 1] + w * (ys[i] - ys[i - 1]);
      }
    }
    return ys[n - 1];
  }
  function start(v) {
    if (v.levels || !v.grid || !v.grid.length) return v.grid ? v.grid[0] : 0;
    var low = v.grid[0], high = v.grid[v.grid.length - 1];
    return v.mean === null || v.mean === undefined ? (low + high) / 2 : Math.min(high, Math.max(low, v.mean));
  }
  function moves(name, value) {
    var v = variable(name), e = effects(name), base = start(v), out = [];
    sim.nodes.forEach(function (other, i) {
      if (other === name || !e || !Object.prototype.hasOwnProperty.call(e, other)) return;
      var from = at(v.grid, e[other], base), to = at(v.grid, e[other], value), sd = variable(other).sd;
      var scaled = (to - from) / (sd > 0 ? sd : 1);
      out.push({ name: other, i: i, from: from, to: to, change: to - from, scaled: scaled });
    });
    return out.sort(function (a, b) { return Math.abs(b.scaled) - Math.abs(a.scaled); });
  }

  nodes.forEach(function (n) {
    var box = n.querySelector('.box'), sub = n.querySelector('.sub');
    n._fill = box.getAttribute('fill'); n._sub = sub ? sub.textContent : '';
  });
  function paint(name, list, value) {
    var moved = {};
    list.forEach(function (m) { moved[m.name] = m; });
    nodes.forEach(function (n) {
      var me = sim.nodes[+n.dataset.i], box = n.querySelector('.box'), sub = n.querySelector('.sub'), m = moved[me];
      box.setAttribute('fill', n._fill); sub.textContent = n._sub; n.style.opacity = '';
      if (value === null) return;
      if (me === name) { sub.textContent = 'do = ' + (variable(me).levels ? label(variable(me), value).slice(0, 9) : fmt(value)); box.setAttribute('fill', '#ffffff'); return; }
      if (m && Math.abs(m.scaled) > 1e-9) {
        var strength = Math.min(1, Math.abs(m.scaled) / 1.5);
        box.setAttribute('fill', mix(m.change > 0 ? [0, 114, 178] : [213, 94, 0], 0.12 + 0.5 * strength));
        sub.textContent = (m.change > 0 ? '▲ +' : '▼ ') + fmt(m.change);
      } else { n.style.opacity = '0.55'; }
    });
    edges.forEach(function (e) {
      var cut = value !== null && e.dataset.b === name, dim = value !== null && !(e.dataset.a === name || moved[e.dataset.a] && Math.abs(moved[e.dataset.a].scaled) > 1e-9);
      e.classList.toggle('cut', cut); e.classList.toggle('dim', !cut && dim);
    });
  }
  function mix(rgb, w) {
    return 'rgb(' + rgb.map(function (c) { return Math.round(255 + (c - 255) * w); }).join(',') + ')';
  }

  function show() {
    var name = sim.nodes[state.chosen], v = variable(name), list = moves(name, state.value), body = $('moves');
    var shown = list.filter(function (m) { return Math.abs(m.scaled) > 1e-9; });
    body.textContent = '';
    var biggest = shown.length ? Math.abs(shown[0].scaled) : 1;
    shown.forEach(function (m) {
      var row = make('tr'), o = variable(m.name), bar = make('span', '', 'meter' + (m.change < 0 ? ' down' : ''));
      bar.style.width = Math.max(2, 70 * Math.abs(m.scaled) / biggest) + 'px';
      var what = make('td', o.shown && o.levels ? o.shown : m.name);
      what.appendChild(make('div', fmt(m.from) + ' → ' + fmt(m.to) + (o.levels ? '' : unit(o)), 'small'));
      row.appendChild(what);
      var cell = make('td'); cell.appendChild(bar); row.appendChild(cell);
      row.setAttribute('data-name', m.name); row.setAttribute('data-from', m.from); row.setAttribute('data-to', m.to);
      body.appendChild(row);
    });
    var base = label(v, start(v)), now = label(v, state.value);
    $('do-value').textContent = now;
    $('do-said').textContent = state.value === start(v)
      ? 'This is where it starts; choose another value to see what moves.'
      : shown.length + ' of the other variables move when ' + name + ' is set to ' + now + ' instead of ' + base +
        '. Means, or shares of a level; bars in standard deviations, blue up, orange down.';
    paint(name, list, state.value);
  }
  function choose(i, value) {
    state.chosen = i;
    nodes.forEach(function (n) {
      var on = +n.dataset.i === i;
      n.classList.toggle('chosen', on);
      if (on) n.setAttribute('aria-current', 'true'); else n.removeAttribute('aria-current');
    });
    var name = sim.nodes[i], v = variable(name), can = effects(name) && v.grid && v.grid.length > 1;
    $('inspect-hint').hidden = true; $('inspect-body').hidden = false;
    var into = $('inspect-mechanism'), card = $('mechanism-' + i);
    into.textContent = '';
    if (card) Array.prototype.forEach.call(card.childNodes, function (c) { into.appendChild(c.cloneNode(true)); });
    var form = $('inspect-do'), holder = $('do-control');
    form.hidden = !can; holder.textContent = '';
    if (!can) { state.value = null; paint(name, [], null); return; }
    state.value = value === undefined || !isFinite(value) ? start(v) : value;
    $('do-name').textContent = name;
    var input;
    if (v.levels) {
      input = make('select');
      v.grid.forEach(function (g, k) { var o = make('option', String(v.levels[k])); o.value = g; input.appendChild(o); });
      input.value = state.value;
    } else {
      input = make('input'); input.type = 'range';
      input.min = v.grid[0]; input.max = v.grid[v.grid.length - 1];
      input.step = v.kind === 'count' ? 1 : (input.max - input.min) / 200 || 'any';
      input.value = state.value;
    }
    input.id = 'do-input'; input.setAttribute('aria-label', 'Set ' + name);
    input.addEventListener('input', function () { state.value = +input.value; input.setAttribute('aria-valuetext', label(v, state.value)); show(); });
    holder.appendChild(input);
    show();
  }
  nodes.forEach(function (n) {
    n.addEventListener('click', function (e) { e.preventDefault(); choose(+n.dataset.i); });
    n.addEventListener('keydown', function (e) { if (e.key === ' ' || e.key === 'Enter') { e.preventDefault(); choose(+n.dataset.i); } });
  });
  $('do-reset').addEventListener('click', function () { choose(state.chosen); });

  function fromHash() {
    var m = /^#do=([^:]*)(?::(.*))?$/.exec(location.hash), name, i;
    if (!m) return;
    try { name = decodeURIComponent(m[1]); } catch (e) { return; }
    i = sim.nodes.indexOf(name);
    if (i >= 0) choose(i, m[2] === undefined ? undefined : +m[2]);
  }
  window.addEventListener('hashchange', fromHash);

  document.querySelectorAll('[data-copy]').forEach(function (b) {
    b.hidden = false;
    b.addEventListener('click', function () {
      var source = $(b.dataset.copy), said = b.textContent;
      var done = function (ok) { b.textContent = ok ? 'Copied' : 'Press Ctrl+C'; setTimeout(function () { b.textContent = said; }, 1600); };
      var range = document.createRange(); range.selectNodeContents(source);
      var s = getSelection(); s.removeAllRanges(); s.addRange(range);
      try { done(document.execCommand('copy')); } catch (e) { done(false); }
    });
  });
  document.querySelectorAll('.term').forEach(function (t) {
    var tip = t.querySelector('.tip');
    var place = function () {
      t.classList.remove('closed'); tip.style.setProperty('--shift', '0px');
      var r = tip.getBoundingClientRect(), over = r.right - root.clientWidth + 8;
      if (over > 0) tip.style.setProperty('--shift', -Math.min(over, r.left - 4) + 'px');
    };
    t.addEventListener('mouseenter', place); t.addEventListener('focus', place);
    t.addEventListener('keydown', function (e) { if (e.key === 'Escape') t.classList.add('closed'); });
  });
  window.addEventListener('beforeprint', function () {
    document.querySelectorAll('details').forEach(function (d) { d._was = d.open; d.open = true; });
  });
  window.addEventListener('afterprint', function () {
    document.querySelectorAll('details').forEach(function (d) { d.open = d._was; });
  });
  fromHash();
  root.setAttribute('data-js', 'ready');
})();
