"use strict";
// The page of an HTML report. All text enters the DOM as text nodes; only rows in sight are in the document.
(() => {
  const $ = (id) => document.getElementById(id);
  const parsed = (id) => JSON.parse($(id).textContent);
  const { lang: first, policies, failing, worst } = parsed("head");
  const { counts, rules, gaps, orphans, words, thumbless } = parsed("tail");
  const LANGS = ["kk", "ru", "en"];
  const NARROW = matchMedia("(max-width: 979px)");
  const PRINTED = 1000;
  const RANK = new Map(worst.map((v, i) => [v, i]));
  const SIGNS = {
    labelled: "M2.8 8.4l3.4 3.4 7-7.6",
    incomplete: "M8 1.8a6.2 6.2 0 1 0 0 12.4zM8 1.8a6.2 6.2 0 0 1 0 12.4",
    unlabelled: "M8 1.6L15 14H1zM8 6v3.6M8 11.8v.2",
    tampered: "M3.4 3.4l9.2 9.2M12.6 3.4l-9.2 9.2",
    suspected: "M5.2 5.4a2.8 2.8 0 1 1 4.2 2.4C8.4 8.400 8 9 8 10M8 13v.2",
    "no-evidence": "M3 8h10",
    unreadable: "M3 1.800h10v12.400H3zM3 14.200L13 1.800",
    holds: "M2.8 8.4l3.4 3.4 7-7.6",
    fails: "M3.4 3.4l9.2 9.2M12.6 3.4l-9.2 9.2",
    unknown: "M5.2 5.4a2.8 2.8 0 1 1 4.2 2.4C8.4 8.400 8 9 8 10M8 13v.2",
    "not-applicable": "M3 8h10",
    declared: "M2.800 8.400V2.800h5.600l5.400 5.400-5.600 5.600zM5.600 5.600v.1",
    strong: "M8 1.6L15 14H1zM8 6v3.6M8 11.8v.2",
    weak: "M5.2 5.4a2.8 2.8 0 1 1 4.2 2.4C8.4 8.400 8 9 8 10M8 13v.2",
  };

  // ---- data

  const files = [];
  for (const block of document.querySelectorAll("script.files")) {
    for (const line of block.textContent.split("\n")) if (line) files.push(JSON.parse(line));
    block.remove();
  }
  files.forEach((f, i) => {
    f.i = i;
    f.folder = f.p.slice(0, f.d);
    f.name = f.p.slice(f.d);
    f.open = f.r.map((n) => rules[n]).filter((r) => r.s === "fails" || r.s === "unknown")
      .sort((a, b) => (a.l !== "must") - (b.l !== "must") || (a.s !== "fails") - (b.s !== "fails"));
  });
  let common = files[0]?.folder ?? "";  // what every path begins with
  for (const f of files) while (!f.folder.startsWith(common)) common = common.slice(0, common.lastIndexOf("/", common.length - 2) + 1);
  const haystack = (f) => (f.h ??= [
    f.p, f.v, f.m, f.s, f.x?.message, ...LANGS.map((_, i) => words["verdict." + f.v][i]),
    ...f.e.flat(), ...f.open.map((r) => r.id), ...Object.values(f.l ?? {}).flat(),
    ...f.k.flatMap((m) => m[2].map((d) => d[1])), ...f.f.map((x) => x[2]),
  ].join("\n").toLowerCase());

  // ---- words

  let lang = first, at = LANGS.indexOf(first);
  const say = (key, fallback) => words[key]?.[at] ?? fallback ?? key;
  const fill = (key, values) => say(key).replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
  // browsers without Kazakh write numbers as in Russian: the same signs
  const locale = () => (lang === "kk" ? ["kk", "ru"] : lang);
  const number = (n) => new Intl.NumberFormat(locale()).format(n);
  const told = (text) => text.charAt(0).toLocaleUpperCase(lang) + text.slice(1);
  const message = (r) => r.t[at] || r.t[2] || "";

  // ---- elements

  const el = (tag, properties = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(properties)) {
      if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.filter((c) => c !== null && c !== undefined && c !== ""));
    return node;
  };
  const sign = (name) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("class", "sign");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", SIGNS[name] ?? "");
    if (name === "incomplete") path.setAttribute("fill-rule", "evenodd");
    svg.append(path);
    return svg;
  };
  const tag = (verdict) => el("span", { class: "tag v-" + verdict }, sign(verdict), say("verdict." + verdict));
  const rich = (text) => String(text).split("`").map((part, i) => (i % 2 ? el("code", {}, part) : part));
  const picture = (f) => {
    const box = el("span", { class: "pic", "aria-hidden": "true" });
    if (f.n) {
      const image = el("img", { alt: "", decoding: "async" });
      image.src = "data:image/webp;base64," + f.n;
      box.append(image);
    } else {
      box.append((f.name.split(".").length > 1 ? f.name.split(".").pop() : "").slice(0, 5).toUpperCase());
    }
    return box;
  };
  const trace = ([strength, generator, where, excerpt, source, tells]) => ({
    who: generator || say("mark." + source, source),
    what: [where === source ? "" : where, excerpt].filter(Boolean).join(", "),
    strength,
    said: say(tells === "made" ? "strength." + strength : "fact.evidence." + tells),
  });
  const defects = (f) => f.f.filter(([code, level]) => !code.startsWith("container.") &&
    (level === "failure" || code === "label.ai-part" || code === "caller.ai"));
  const fact = ([code, , where]) => [say("fact." + code, code), where];
  const reason = (f) => {
    if (f.x) return f.x.message;
    const best = f.e.find((e) => e[0] === "strong") ?? f.e.find((e) => e[0] === "weak") ?? f.e[0];
    const rule = f.open.find((r) => r.l === "must" && r.s === "fails") ?? f.open.find((r) => r.l === "must");
    if (f.v === "incomplete" && rule) return message(rule).replaceAll("`", "");
    if (f.v === "tampered") return defects(f).filter(([code]) => code === "c2pa.tampered").map((x) => x[2]).join(", ");
    if (f.v === "labelled" && f.l) return f.l.system;
    return best ? trace(best).who : "";
  };

  // ---- which files, in which order

  const chosen = new Set();
  let shown = [];
  const collator = () => new Intl.Collator(locale(), { numeric: true });
  function select() {
    const needles = $("q").value.toLowerCase().split(/\s+/).filter(Boolean);
    const kind = $("kind").value, generator = $("generator").value, rule = $("rule").value;
    shown = files.filter((f) =>
      (!chosen.size || chosen.has(f.v)) &&
      (!kind || (f.m ?? "?") === kind) &&
      (!generator || f.e.some((e) => e[1] === generator)) &&
      (!rule || f.open.some((r) => r.id === rule)) &&
      needles.every((n) => haystack(f).includes(n)));
    const order = $("sort").value;
    if (order === "worst") shown.sort((a, b) => RANK.get(a.v) - RANK.get(b.v) || a.i - b.i);
    if (order === "name") { const c = collator(); shown.sort((a, b) => c.compare(a.name, b.name) || a.i - b.i); }
    if (order === "size") shown.sort((a, b) => (b.z ?? -1) - (a.z ?? -1) || a.i - b.i);
    active = Math.max(0, shown.findIndex((f) => f.i === open));
    $("shown").textContent = fill("html.shown", { n: number(shown.length), all: number(files.length) });
    $("none").hidden = shown.length > 0;
    $("clear").disabled = !(chosen.size || kind || generator || rule || needles.length);
    anew();
  }

  // ---- the list: rows in sight, and the one that has the focus

  const lines = new Map();
  let active = 0, open = -1, height = 68;
  function draw() {
    const rows = $("rows");
    height = parseFloat(getComputedStyle(rows).getPropertyValue("--row")) || height;
    rows.style.height = shown.length * height + "px";
    const top = -rows.getBoundingClientRect().top;
    const from = Math.max(0, Math.floor(top / height) - 6);
    const to = Math.min(shown.length, Math.ceil((top + innerHeight) / height) + 6);
    const keep = document.activeElement?.closest?.("#rows li") ? active : -1;
    for (const [n, line] of lines) {
      if ((n < from || n >= to) && n !== keep) { line.remove(); lines.delete(n); }
    }
    const add = (n) => {
      if (lines.has(n) || n < 0 || n >= shown.length) return;
      const line = row(n), next = [...lines.keys()].filter((m) => m > n).sort((a, b) => a - b)[0];
      rows.insertBefore(line, next === undefined ? null : lines.get(next));  // the order read is the order seen
      lines.set(n, line);
    };
    for (let n = from; n < to; n++) add(n);
    add(keep);
  }
  function anew() {
    lines.forEach((line) => line.remove());
    lines.clear();
    draw();
  }
  function row(n) {
    const f = shown[n];
    const why = reason(f);
    const line = el("li", { "aria-posinset": n + 1, "aria-setsize": shown.length },
      el("a", { href: "#file-" + (f.i + 1), tabindex: n === active ? 0 : -1 },
        picture(f),
        el("span", { class: "name", title: f.p }, f.name, " ", el("small", {}, f.folder.slice(common.length))),
        el("span", { class: "why" }, el("b", { class: "v-" + f.v }, sign(f.v), say("verdict." + f.v)),
          why ? el("span", { lang: f.x ? "en" : null }, why) : "")));
    if (f.i === open) line.firstChild.setAttribute("aria-current", "true");
    line.style.transform = `translateY(${n * height}px)`;
    return line;
  }
  function move(n) {
    active = Math.max(0, Math.min(shown.length - 1, n));
    const rows = $("rows"), y = rows.getBoundingClientRect().top + active * height;
    const roof = NARROW.matches ? 0 : $("find").offsetHeight;
    if (y < roof) scrollBy(0, y - roof - 8);
    else if (y + height > innerHeight) scrollBy(0, y + height - innerHeight + 8);
    lines.forEach((line, m) => (line.firstChild.tabIndex = m === active ? 0 : -1));
    if (!lines.has(active)) { lines.set(active, row(active)); rows.append(lines.get(active)); }
    const link = lines.get(active).firstChild;
    link.tabIndex = 0;
    link.focus({ preventScroll: true });
    draw();
    if (!NARROW.matches) { history.replaceState(null, "", link.getAttribute("href")); read(shown[active].i); }
  }
  const STEPS = { ArrowDown: () => 1, ArrowUp: () => -1, PageDown: () => Math.floor(innerHeight / height) - 2,
    PageUp: () => 2 - Math.floor(innerHeight / height), Home: () => -1e9, End: () => 1e9 };
  $("rows").addEventListener("keydown", (event) => {
    if (!STEPS[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    move(active + STEPS[event.key]());
  });

  // ---- one file

  const section = (key, ...children) => {
    const inside = children.flat().filter(Boolean);
    return inside.length ? [el(NARROW.matches ? "h2" : "h3", { class: "part" }, say(key)), ...inside] : [];
  };
  const item = (name, kind, ...children) =>
    el("div", { class: "item" }, el("span", { class: kind }, sign(name)), el("div", {}, ...children));
  const grouped = (traces) => {  // what one generator or mark left, together
    const found = new Map();
    for (const t of traces) found.set(t.strength + t.who, [...(found.get(t.strength + t.who) ?? []), t]);
    return [...found.values()];
  };
  const evidence = (f) => [...defects(f).map((x) => {
    const [what, where] = fact(x), colour = x[1] === "failure" ? "s-fails" : "v-suspected";
    return item(x[1] === "failure" ? "fails" : "strong", colour, el("p", {}, el("strong", {}, told(what))), where ? el("p", {}, el("code", {}, where)) : "");
  }), ...grouped(f.e.map(trace)).map((same) => {
    const { who, strength, said } = same[0];
    const colour = strength === "declared" ? "v-labelled" : strength === "strong" ? "v-unlabelled" : "v-suspected";
    return item(strength, colour, el("p", {}, el("strong", {}, who), " ", el("span", { class: "soft" }, said)),
      ...same.filter((t) => t.what).map((t) => el("p", {}, el("code", {}, t.what))));
  })];
  const rule = (r) => item(r.s, r.l === "should" && r.s === "fails" ? "s-should" : "s-" + r.s,
    el("p", {}, ...rich(message(r) || r.id)),
    el("p", { class: "soft" }, `${say("rule." + r.s)} · ${say("level." + r.l)} · ${say("basis." + r.b)} · `,
      el("span", { lang: "en" }, r.c), " · ", el("code", {}, r.id)));
  const step = (f) => (f.x ? f.x.hint : say("next." + f.v, ""));
  const known = (key, value) => say("value." + value, value);
  const bytes = (n) => {
    const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
    let unit = 0;
    while (n >= 1000 && unit < 3) { n /= 1000; unit++; }
    return new Intl.NumberFormat(locale(), { style: "unit", unit: units[unit], unitDisplay: "short", maximumFractionDigits: 1 }).format(n);
  };
  const pairs = (entries) => entries.length
    ? el("dl", {}, ...entries.flatMap(([key, value]) => [el("dt", {}, key), el("dd", {}, value)])) : null;

  function render() {
    const detail = $("detail"), f = files[open];
    document.documentElement.classList.toggle("reading", Boolean(f) && NARROW.matches);
    const back = el("button", { type: "button", id: "back" }, "← ", say("html.back"));
    back.addEventListener("click", close);
    if (!f) { detail.replaceChildren(...legend()); return; }
    const applied = f.r.map((n) => rules[n]);
    const order = ["fails", "unknown", "holds"];
    const byRule = policies.flatMap((p) => {
      const own = applied.filter((r) => r.p === p.id);
      const live = own.filter((r) => r.s !== "not-applicable")
        .sort((a, b) => order.indexOf(a.s) - order.indexOf(b.s) || (a.l !== "must") - (b.l !== "must"));
      const idle = own.filter((r) => r.s === "not-applicable");
      return [
        policies.length > 1 ? el("p", {}, el("strong", {}, p.title[lang] ?? p.id), " ", tag(f.vs[p.id] ?? f.v)) : null,
        live.length ? el("div", {}, ...live.map(rule)) : el("p", { class: "soft" }, say("html.rules.none")),
        idle.length ? el("details", {}, el("summary", {}, `${say("rule.not-applicable")}: ${idle.length}`),
          el("ul", { class: "plain" }, ...idle.map((r) => el("li", {}, el("code", {}, r.id))))) : null,
      ];
    });
    const marks = f.k.map(([kind, status, details]) => [say("mark." + kind, kind), [say("status." + status, status),
      ...details.map(([key, value]) => `${say("detail." + key, key)}: ${value}`)].join(" · ")]);
    const label = Object.entries(f.l ?? {}).map(([key, value]) =>
      [say("label." + key, key), [value].flat().map((v) => known(key, v)).join(", ")]);
    const facts = f.f.map((x) => {
      const [what, where] = fact(x);
      return el("li", { class: x[1] }, what, where ? el("span", { class: "soft" }, " — " + where) : "");
    });
    const next = step(f), signs = f.x ? [] : evidence(f);
    detail.replaceChildren(
      back,
      el("div", { class: "top" }, picture(f), el("div", {},
        el(NARROW.matches ? "h1" : "h2", { id: "detail-title" }, f.name),
        el("p", { class: "soft" }, f.folder),
        tag(f.v))),
      el("div", { class: "said v-" + f.v },
        el("p", {}, el("strong", {}, told(say("sentence." + f.v)))),
        f.x ? el("p", { lang: "en" }, f.x.message) : "",
        ...(next ? [el("p", { class: "step" }, say("heading.next")), el("p", { lang: f.x ? "en" : null }, ...rich(next))] : [])),
      ...section("html.evidence", f.x ? null : signs.length ? el("div", {}, ...signs) : el("p", { class: "soft" }, say("html.evidence.none"))),
      ...section("html.rules", f.x ? null : byRule),
      ...section("heading.label", pairs(label)),
      ...section("heading.marks", pairs(marks)),
      ...section("heading.facts", facts.length ? el("ul", { class: "plain" }, ...facts) : null),
      ...section("heading.not-checked", el("ul", { class: "plain" }, ...f.g.map((n) => el("li", {}, say("not-checked." + gaps[n], gaps[n]))))),
      ...section("html.about", pairs([
        [say("html.path"), f.p], [say("html.type"), f.m ?? "—"], [say("html.size"), f.z === null ? "—" : bytes(f.z)],
        ["SHA-256", f.s ? el("code", {}, f.s) : "—"],
      ])),
    );
  }
  const legend = () => [
    el("h2", { id: "detail-title" }, say("html.how")),
    el("p", { class: "soft" }, say("html.choose")),
    el("div", { class: "legend" }, ...worst.map((v) =>
      item(v, "v-" + v, el("p", {}, el("b", {}, told(say("verdict." + v))), " — ", say("sentence." + v))))),
  ];
  function read(i) {
    if (i === open) return;
    open = i;
    lines.forEach((line, n) => {
      if (shown[n].i === i) line.firstChild.setAttribute("aria-current", "true");
      else line.firstChild.removeAttribute("aria-current");
    });
    render();
    $("detail").scrollTop = 0;
  }
  let place = 0;
  const target = () => { const m = /^#file-(\d+)$/.exec(location.hash); return m && files[m[1] - 1] ? m[1] - 1 : -1; };
  function go() {
    const i = target(), was = open;
    if (NARROW.matches && was < 0 && i >= 0) place = scrollY;
    const n = shown.findIndex((f) => f.i === i);
    if (n >= 0) active = n;
    read(i);
    if (i >= 0) {
      $("detail").focus({ preventScroll: true });
      if (NARROW.matches) scrollTo(0, 0);
    } else if (was >= 0) {
      if (NARROW.matches) scrollTo(0, place);
      draw();
      lines.get(active)?.firstChild.focus({ preventScroll: true });
    }
  }
  function close() {
    history.pushState(null, "", location.pathname + location.search);
    go();
  }
  addEventListener("hashchange", go);
  addEventListener("popstate", go);
  $("detail").addEventListener("keydown", (event) => { if (event.key === "Escape" && open >= 0) close(); });
  $("rows").addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (link && link.getAttribute("href") === location.hash) { event.preventDefault(); $("detail").focus({ preventScroll: true }); }
  });

  // ---- what stands around: summary, filters, footer

  function tiles() {
    const all = files.length, bad = files.filter((f) => f.x || failing.includes(f.v)).length;
    const skipped = counts.skipped ? ` ${told(fill("skipped", { n: number(counts.skipped) }))}.` : "";
    $("lead").replaceChildren(`${say("html.examined")}: `, el("b", {}, number(all)), `. ${say("html.attention")}: `,
      el("b", {}, number(bad)), ".", el("span", { class: "soft" }, skipped));
    const there = worst.filter((v) => counts[v]);
    $("bar").replaceChildren(...there.map((v) => {
      const part = el("i", { class: "v-" + v });
      part.style.flexGrow = counts[v];
      return part;
    }));
    $("tiles").replaceChildren(...there.map((v) => {
      const button = el("button", { type: "button", class: "v-" + v, "aria-pressed": String(chosen.has(v)), value: v },
        sign(v), el("b", {}, number(counts[v])), el("span", {}, say("verdict." + v)));
      button.addEventListener("click", () => {
        if (!chosen.delete(v)) chosen.add(v);
        button.setAttribute("aria-pressed", String(chosen.has(v)));
        select();
      });
      return button;
    }));
  }
  function tally(of) {
    const found = new Map();
    for (const f of files) for (const key of new Set(of(f))) if (key) found.set(key, (found.get(key) ?? 0) + 1);
    return [...found].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  }
  const facets = {
    kind: tally((f) => [f.m ?? "?"]),
    generator: tally((f) => f.e.map((e) => e[1])),
    rule: tally((f) => f.open.map((r) => r.id)),
  };
  function selects() {
    for (const [id, found] of Object.entries(facets)) {
      const box = $(id), value = box.value;
      box.replaceChildren(el("option", { value: "" }, say("html.all")),
        ...found.map(([key, n]) => el("option", { value: key }, `${key} (${number(n)})`)));
      box.value = value;
      box.disabled = !found.length;
    }
    const value = $("sort").value || "worst";
    $("sort").replaceChildren(...["worst", "name", "size"].map((key) => el("option", { value: key }, say("html.sort." + key))));
    $("sort").value = value;
  }
  function foot() {
    const missing = gaps.map((g) => say("not-checked." + g, g)).join("; ");
    $("gaps").replaceChildren(...[
      missing ? el("p", {}, `${say("heading.not-checked")}: ${missing}.`) : null,
      el("p", {}, `${say("html.policies")}: ${policies.map((p) => `${p.title[lang] ?? p.id} (${p.version})`).join("; ")}.`),
      thumbless ? el("p", {}, say("html.thumbless")) : null,
      ...(orphans.length ? [el("h2", { class: "part" }, say("html.orphans")), el("ul", {}, ...orphans.map((o) => el("li", {}, o)))] : []),
    ].filter(Boolean));
  }
  function speak(chosenLang) {
    lang = chosenLang;
    at = LANGS.indexOf(lang);
    document.documentElement.lang = lang;
    document.querySelectorAll("[data-w]").forEach((node) => (node.textContent = say(node.dataset.w)));
    document.querySelectorAll("[data-label]").forEach((node) => node.setAttribute("aria-label", say(node.dataset.label)));
    document.querySelectorAll("[data-hint]").forEach((node) => (node.placeholder = say(node.dataset.hint)));
    document.querySelectorAll("#languages button").forEach((b) => b.setAttribute("aria-pressed", String(b.value === lang)));
    tiles();
    selects();
    foot();
    select();
    render();
  }
  $("languages").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) speak(button.value);
  });
  for (const id of ["kind", "generator", "rule", "sort"]) $(id).addEventListener("change", select);
  $("q").addEventListener("input", select);
  $("clear").addEventListener("click", () => {
    chosen.clear();
    for (const id of ["q", "kind", "generator", "rule"]) $(id).value = "";
    tiles();
    select();
    $("q").focus();
  });
  $("more").addEventListener("click", () => $("more").setAttribute("aria-expanded", String($("find").classList.toggle("all"))));
  let waiting = false;
  const later = () => {
    if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; draw(); }); }
  };
  addEventListener("scroll", later, { passive: true });
  addEventListener("resize", anew);
  new ResizeObserver(draw).observe($("find"));
  NARROW.addEventListener("change", render);

  // ---- paper: what the filters leave, each file with what is open

  addEventListener("beforeprint", () => {
    const cut = shown.length > PRINTED ? el("p", {}, fill("html.printed", { n: number(PRINTED) })) : null;
    $("paper").replaceChildren(...[cut, ...shown.slice(0, PRINTED).map((f) => {
      const next = step(f);
      const lines = f.x ? [f.x.message] : [
        ...defects(f).map((x) => { const [what, where] = fact(x); return told(what) + (where ? ` [${where}]` : ""); }),
        ...f.e.map((e) => { const t = trace(e); return `${told(t.said)}: ${t.who}${t.what ? ` [${t.what}]` : ""}`; }),
        ...f.open.map((r) => `${told(say("rule." + r.s))}, ${say("level." + r.l)} (${r.id}): ${message(r)}`),
      ];
      return el("article", { class: lines.length || next ? null : "calm" }, picture(f), el("div", {}, tag(f.v), el("h2", {}, f.p),
        ...lines.map((t) => el("p", { class: "told" }, ...rich(t))),
        next ? el("p", { class: "told" }, el("strong", {}, say("heading.next") + ": "), ...rich(next)) : ""));
    })].filter(Boolean));
    $("paper").hidden = false;
  });
  addEventListener("afterprint", () => { $("paper").hidden = true; $("paper").replaceChildren(); });

  document.documentElement.classList.add("ready");
  open = target();
  speak(first);
  if (open >= 0) go();
})();
