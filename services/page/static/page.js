"use strict";

// The page keeps nothing of an applicant: no value goes into an address or into storage.

const facts = JSON.parse(document.getElementById("facts").textContent);
const KEY = "creditloop-key";
const DECISIONS = {
  approve: { word: "Approve", sign: "✓" },
  review: { word: "Review by a person", sign: "?" },
  decline: { word: "Decline", sign: "✕" },
};
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const NUMBERS = new Intl.NumberFormat("en", { maximumFractionDigits: 6 });
const TIMES = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const WHAT_IF_DELAY = 300;

const id = (name) => document.getElementById(name);
const form = id("application");

// The decision that is shown, the fields that it was made from, and whether we play with them.
const state = { decision: null, fields: null, snapshot: null, isWhatIf: false, asked: 0 };

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// Fields -----------------------------------------------------------------------------------------

class Field {
  constructor(box) {
    this.box = box;
    this.name = box.dataset.name;
    this.title = box.dataset.title;
    this.isNumber = "number" in box.dataset;
    this.control = box.querySelector(".value");
    this.code = box.querySelector(".code");
    this.error = box.querySelector(".error");
    this.unit = box.dataset.unit;
    if (this.code) this.code.addEventListener("change", () => this.showCode());
  }

  // A special code stands in place of a number.
  showCode() {
    this.control.disabled = this.code.value !== "";
  }

  // What is sent: undefined where nothing is known, and as typed where it is no number, so that
  // the service alone says what is wrong.
  get value() {
    if (this.code && this.code.value !== "") return Number(this.code.value);
    if (this.control.validity.badInput) return "an incomplete date";
    const text = this.control.value.trim();
    if (text === "") return undefined;
    if (!this.isNumber) return text;
    return NUMBER.test(text) && Number.isFinite(Number(text)) ? Number(text) : text;
  }

  // A value in words: the label of a level or a code, or the number.
  words(value) {
    if (value === undefined) return "not known";
    const text = String(value);
    for (const list of [this.code, this.control]) {
      const option = list && list.options && [...list.options].find((o) => o.value === text);
      if (option && option.value !== "") return option.label;
    }
    return typeof value === "number" ? NUMBERS.format(value) : text;
  }

  // Two values in words, with the unit once: "1 instead of 2 (months)".
  compare(first, word, second) {
    const unit = this.unit && ` (${this.unit})`;
    const [isPlain, alsoPlain] = [first, second].map(
      (value) => typeof value === "number" && this.words(value) === NUMBERS.format(value),
    );
    const [before, after] = [isPlain && !alsoPlain ? unit : "", alsoPlain ? unit : ""];
    return `${this.words(first)}${before} ${word} ${this.words(second)}${after}`;
  }

  get isList() {
    return this.control.tagName === "SELECT";
  }

  complain(text) {
    this.error.textContent = text;
    this.control.setAttribute("aria-invalid", text ? "true" : "false");
    this.box.classList.toggle("wrong", Boolean(text));
  }

  get snapshot() {
    return [this.control.value, this.code ? this.code.value : ""];
  }

  restore([value, code]) {
    this.control.value = value;
    if (this.code) {
      this.code.value = code;
      this.showCode();
    }
  }

  focus() {
    (this.control.disabled ? this.code : this.control).focus();
  }
}

const fields = new Map(
  [...form.querySelectorAll(".field[data-name]")].map((box) => {
    const field = new Field(box);
    return [field.name, field];
  }),
);

const applicationNumber = new Field(id("application-id").closest(".field"));

function features() {
  const given = {};
  for (const field of fields.values()) {
    if (field.value !== undefined) given[field.name] = field.value;
  }
  return given;
}

// Asking -----------------------------------------------------------------------------------------

class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `The service answered ${status}`);
    this.status = status;
    this.errors = problem.errors || [];
  }
}

function key() {
  return sessionStorage.getItem(KEY);
}

async function send(path, options = {}) {
  const headers = { ...options.headers };
  if (key()) headers.Authorization = `Bearer ${key()}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch {
    throw new Refused(0, { detail: "The service cannot be reached. Nothing is lost: try again." });
  }
  if (response.ok) return response;
  throw new Refused(response.status, await response.json().catch(() => ({})));
}

async function ask(path, body) {
  const response = await send(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return response.json();
}

// The key ----------------------------------------------------------------------------------------

function showKey(isShown, complaint = "") {
  id("key").hidden = !isShown;
  id("key-button").setAttribute("aria-expanded", String(isShown));
  id("key-error").textContent = complaint;
  id("key-value").setAttribute("aria-invalid", String(Boolean(complaint)));
  id("key-button").textContent = key() ? "API key: set" : "API key";
  if (isShown) id("key-value").focus();
}

id("key-button").addEventListener("click", () => showKey(id("key").hidden));

id("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const value = id("key-value").value.trim();
  if (!value) return showKey(true, "Enter a key, or close this with the button above.");
  sessionStorage.setItem(KEY, value);
  id("key-value").value = "";
  showKey(false);
  clearProblem();
  say("The key is set for this tab.");
  id("decide").focus();
});

id("key-forget").addEventListener("click", () => {
  sessionStorage.removeItem(KEY);
  id("key-value").value = "";
  showKey(false);
  say("The key is forgotten.");
  id("key-button").focus();
});

// Problems ---------------------------------------------------------------------------------------

function clearProblem() {
  id("problem").hidden = true;
  id("problem").replaceChildren();
  for (const field of [...fields.values(), applicationNumber]) field.complain("");
}

function complaint(field, problem) {
  if (problem.got === "nothing") {
    if (field.isList) return "Choose one of the list.";
    return field.isNumber ? "Enter a number." : "Fill this in.";
  }
  return `Expected ${problem.expected.replace(" (missing is not allowed)", "")}; got ${problem.got}.`;
}

function showProblem(refused, isFocused = true) {
  clearProblem();
  if (refused.status === 401) {
    return showKey(true, key() ? refused.message : "This service asks for an API key.");
  }
  const wrong = refused.errors.map((problem) => {
    const isNumber = problem.field === "application_id";
    const field = fields.get(problem.field) || (isNumber && applicationNumber);
    if (!field) return element("li", {}, `${problem.field}: expected ${problem.expected}; got ${problem.got}`);
    field.complain(complaint(field, problem));
    const link = element("a", { href: `#${field.control.id}` }, field.title);
    link.addEventListener("click", (event) => {
      event.preventDefault();
      field.focus();
    });
    return element("li", {}, link);
  });
  const title = wrong.length ? "Some fields need another look" : "This could not be done";
  const content = [element("h2", {}, title)];
  if (wrong.length) content.push(element("ul", {}, ...wrong));
  else content.push(element("p", {}, refused.message));
  id("problem").replaceChildren(...content);
  id("problem").hidden = false;
  if (isFocused) id("problem").focus();
}

function say(text) {
  id("status").textContent = text;
}

// The answer -------------------------------------------------------------------------------------

function percent(probability) {
  return new Intl.NumberFormat("en", { style: "percent", maximumSignificantDigits: 3 }).format(probability);
}

function points(score) {
  return new Intl.NumberFormat("en").format(score);
}

function signed(number, digits = 0) {
  const text = Math.abs(number).toFixed(digits);
  return Number(text) === 0 ? "0" : `${number > 0 ? "+" : "−"}${text}`;
}

function section(title, ...children) {
  return element("section", { className: "part" }, element("h3", {}, title), ...children);
}

function verdict(answer) {
  const { word, sign } = DECISIONS[answer.decision];
  const mark = element("span", { className: "sign" }, sign);
  mark.setAttribute("aria-hidden", "true");
  return element("p", { className: `verdict ${answer.decision}` }, mark, element("strong", {}, word));
}

function score(answer, earlier) {
  const parts = [
    element("p", { className: "figure" }, element("strong", {}, points(answer.score)), " points"),
  ];
  if (answer.model.digest === facts.digest) {
    parts.push(axis(answer.score, earlier && earlier.score));
    if (answer.reasons.some((reason) => reason.rule)) {
      parts.push(element("p", { className: "hint" }, "A rule of the policy decided here, not the score alone."));
    }
  }
  return section("Score", ...parts);
}

function svg(tag, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

const WIDTH = 400;

function axis(value, earlier) {
  const { decline_to: declineTo, approve_from: approveFrom } = facts.scale;
  const low = Math.min(facts.scale.low, value, earlier ?? value);
  const high = Math.max(facts.scale.high, value, earlier ?? value);
  const at = (score) => ((score - low) / (high - low)) * WIDTH;
  const drawing = svg("svg", { viewBox: `-8 0 ${WIDTH + 16} 92`, role: "img", class: "axis" });
  drawing.setAttribute(
    "aria-label",
    `${points(value)} points on a scale from ${low} to ${high}; more are better. About ${declineTo} ` +
      `and below is declined, about ${approveFrom} and above is approved` +
      (approveFrom > declineTo ? ", between is reviewed." : "."),
  );
  const bands = [
    ["decline", low, declineTo, "Decline"],
    ["review", declineTo, approveFrom, ""],
    ["approve", approveFrom, high, "Approve"],
  ];
  for (const [name, from, to, label] of bands) {
    const [x, width] = [at(from), Math.max(at(to) - at(from), 0)];
    drawing.append(svg("rect", { x, y: 30, width, height: 22, class: name }));
    if (width < 60 || !label) continue;
    const [side, anchor] = name === "decline" ? [x + 8, "start"] : [x + width - 8, "end"];
    drawing.append(svg("text", { x: side, y: 46, class: `name ${name}`, "text-anchor": anchor }, label));
  }
  const edges = [
    [low, "start"],
    [declineTo, "end"],
    [approveFrom, "start"],
    [high, "end"],
  ];
  for (const [edge, anchor] of edges) {
    drawing.append(svg("text", { x: at(edge), y: 68, "text-anchor": anchor }, points(edge)));
  }
  if (approveFrom > declineTo) {
    drawing.append(svg("text", { x: (at(declineTo) + at(approveFrom)) / 2, y: 85, class: "name", "text-anchor": "middle" }, "Review"));
  }
  if (earlier !== undefined) drawing.append(marker(at(earlier), "earlier"));
  drawing.append(marker(at(value), "now"));
  return drawing;
}

function marker(x, name) {
  return svg("path", { d: `M${x - 8} 8 h16 L${x} 26 Z M${x} 24 V56`, class: `marker ${name}` });
}

function reasons(answer) {
  const list = element(
    answer.reasons.length > 1 ? "ol" : "ul",
    { className: "reasons" },
    ...answer.reasons.map((reason) => element("li", {}, reason.text)),
  );
  const title = answer.decision === "approve" ? "What weighed most against it" : "Principal reasons";
  return answer.reasons.length ? [section(title, list)] : [];
}

function change({ field: name, now, then }) {
  const field = fields.get(name);
  if (!field) return `${facts.names[name] || name} were ${then} instead of ${now}`;
  return `“${field.title}” were ${field.compare(then, "instead of", now)}`;
}

function recourse(answer) {
  // While all applications go to a person, no change would have one approved.
  const isReferred = answer.reasons.some((reason) => reason.text === facts.referred);
  if (answer.decision === "approve" || isReferred || !answer.explanation) return [];
  const changes = answer.recourse ? answer.recourse.changes.map(change) : [];
  const text = changes.length
    ? `If ${changes.join(" and ")}, it would be approved.`
    : "No change of one or two fields that the applicant can make would have it approved.";
  return [section("What would change the decision", element("p", {}, text))];
}

function factors(answer) {
  const all = answer.explanation && answer.explanation.contributions.filter((c) => c.contribution !== 0);
  if (!all || !all.length) return [];
  const most = Math.max(...all.map((each) => Math.abs(each.contribution)));
  const rows = all.map(({ feature, contribution }) => {
    const effect = contribution > 0 ? "raises the risk" : "lowers the risk";
    const bar = svg("svg", { viewBox: "0 0 60 10", class: "bar", "aria-hidden": "true" });
    const width = (Math.abs(contribution) / most) * 30;
    const x = contribution > 0 ? 30 : 30 - width;
    bar.append(svg("rect", { x, y: 1, width, height: 8, class: contribution > 0 ? "worse" : "better" }));
    bar.append(svg("path", { d: "M30 0 V10" }));
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, facts.names[feature] || feature),
      element("td", {}, bar, element("span", { className: "unseen" }, effect)),
      element("td", { className: "n" }, signed(contribution, 3)),
    );
  });
  const scale = answer.explanation.scale;
  const head = ["Factor", "Effect on the risk", scale[0].toUpperCase() + scale.slice(1)];
  const table = element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, ...rows),
  );
  const note = "Compared with applications that were approved. To the right is worse.";
  return [
    element(
      "details",
      { className: "part" },
      element("summary", {}, `All ${all.length} factors`),
      element("p", { className: "hint" }, note),
      table,
    ),
  ];
}

function record(answer) {
  const lines = [
    ["Probability of default", percent(answer.probability_of_default)],
    ["Model", `${answer.model.family.replaceAll("_", " ")}, version ${answer.model.version}`],
  ];
  if (answer.application_id) lines.push(["Application number", answer.application_id]);
  if (answer.decided_at) lines.push(["Decided", TIMES.format(new Date(answer.decided_at))]);
  if (answer.id) lines.push(["Decision", answer.id]);
  return element(
    "dl",
    { className: "part record" },
    ...lines.map(([term, value]) => element("div", {}, element("dt", {}, term), element("dd", {}, value))),
  );
}

function moved(answer) {
  return `${points(answer.score)} (${signed(answer.score - state.decision.score)})`;
}

function comparison(answer) {
  const earlier = state.decision;
  const rows = [
    ["Decision", DECISIONS[earlier.decision].word, DECISIONS[answer.decision].word],
    ["Score", points(earlier.score), moved(answer)],
    ["Probability of default", percent(earlier.probability_of_default), percent(answer.probability_of_default)],
  ];
  const changed = [...fields.values()].filter((field) => state.fields[field.name] !== field.value);
  const list = changed.map((field) => {
    const moved = field.compare(state.fields[field.name], "→", field.value);
    return element("li", {}, `${field.title}: ${moved}`);
  });
  const table = element(
    "table",
    { className: "comparison" },
    element("thead", {}, element("tr", {}, ...["", "Decided", "What if"].map((name) => element(name ? "th" : "td", name ? { scope: "col" } : {}, name)))),
    element("tbody", {}, ...rows.map(([name, ...cells]) => element("tr", {}, element("th", { scope: "row" }, name), ...cells.map((cell) => element("td", {}, cell))))),
  );
  const nothing = element("p", { className: "hint" }, "Nothing is changed yet.");
  return section("Compared with the decision", table, list.length ? element("ul", {}, ...list) : nothing);
}

function show(answer) {
  const parts = state.isWhatIf
    ? [comparison(answer), score(answer, state.decision)]
    : [score(answer)];
  parts.push(...reasons(answer), ...recourse(answer), ...factors(answer), record(answer));
  id("answer-verdict").replaceChildren(verdict(answer));
  id("answer-content").replaceChildren(...parts);
  id("answer-title").textContent = state.isWhatIf ? "What if: not a decision" : "Decision";
  id("answer").classList.toggle("what-if", state.isWhatIf);
  id("answer-buttons").hidden = false;
  id("what-if").hidden = state.isWhatIf;
  id("notice").hidden = state.isWhatIf || answer.decision !== "decline";
  id("outdated").hidden = true;
  checkModel(answer.model);
  const { word } = DECISIONS[answer.decision];
  if (state.isWhatIf) id("what-if-answer").textContent = `${word}, ${moved(answer)}`;
  say(`${state.isWhatIf ? "What if" : "Decision"}: ${word}, ${points(answer.score)} points`);
}

function checkModel(model) {
  const stale = id("stale");
  stale.hidden = model.digest === facts.digest;
  if (stale.hidden) return stale.replaceChildren();
  const reload = element("button", { type: "button" }, "Load the new form");
  reload.addEventListener("click", () => location.reload());
  const text = `A new model decides since this form was loaded (version ${model.version}). Its form may ask for other fields. What you have typed is lost when it is loaded.`;
  stale.replaceChildren(element("p", {}, text), reload);
}

// What people do ---------------------------------------------------------------------------------

async function busy(work) {
  form.setAttribute("aria-busy", "true");
  id("decide").disabled = true;
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    showProblem(error, !state.isWhatIf);
  } finally {
    id("decide").disabled = false;
    form.removeAttribute("aria-busy");
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (state.isWhatIf || id("decide").disabled) return;
  busy(async () => {
    const given = features();
    const request = { features: given, explain: true };
    if (applicationNumber.value) request.application_id = applicationNumber.value;
    const answer = await ask("api/predict", request);
    clearProblem();
    state.decision = answer;
    state.fields = given;
    state.snapshot = new Map([...fields].map(([name, field]) => [name, field.snapshot]));
    show(answer);
    id("answer-title").focus();
  });
});

form.addEventListener("reset", () => {
  setTimeout(() => {
    for (const field of fields.values()) if (field.code) field.showCode();
    endWhatIf();
    Object.assign(state, { decision: null, fields: null, snapshot: null });
    clearProblem();
    id("answer-verdict").replaceChildren();
    id("answer-content").replaceChildren(element("p", { className: "empty" }, "The form is empty."));
    id("answer-buttons").hidden = true;
    id("outdated").hidden = true;
    say("The form is empty.");
    form.querySelector("input, select").focus();
  });
});

let waiting;

form.addEventListener("input", () => {
  if (!state.decision) return;
  if (!state.isWhatIf) {
    id("outdated").hidden = false;
    return;
  }
  clearTimeout(waiting);
  waiting = setTimeout(askWhatIf, WHAT_IF_DELAY);
});

async function askWhatIf() {
  const number = ++state.asked;
  try {
    const answer = await ask("api/what-if", { features: features() });
    // An answer that comes late is not about what the form says now.
    if (number !== state.asked || !state.isWhatIf) return;
    clearProblem();
    show(answer);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (number !== state.asked) return;
    if (error.status === 401 || error.status === 403) endWhatIf();
    showProblem(error, error.errors.length === 0);
  }
}

function showWhatIf(isOn) {
  state.isWhatIf = isOn;
  id("what-if-banner").hidden = !isOn;
  form.classList.toggle("what-if", isOn);
  for (const name of ["decide", "clear", "application-id"]) id(name).disabled = isOn;
}

id("what-if").addEventListener("click", () => {
  restore();
  showWhatIf(true);
  id("what-if-end").focus();
  askWhatIf();
});

function restore() {
  for (const [name, snapshot] of state.snapshot) fields.get(name).restore(snapshot);
}

function endWhatIf() {
  if (!state.isWhatIf) return;
  clearTimeout(waiting);
  state.asked += 1;
  showWhatIf(false);
  restore();
  clearProblem();
  show(state.decision);
}

id("what-if-end").addEventListener("click", () => {
  endWhatIf();
  id("answer-title").focus();
});

id("notice").addEventListener("click", () =>
  busy(async () => {
    const response = await send(`api/decisions/${state.decision.id}/notice`);
    const file = URL.createObjectURL(await response.blob());
    const link = element("a", { href: file, download: `notice-${state.decision.id}.html` });
    document.body.append(link);
    link.click();
    link.remove();
    URL.revokeObjectURL(file);
    say("The notice was saved.");
  }),
);

id("print").addEventListener("click", () => window.print());

for (const field of fields.values()) if (field.code) field.showCode();
showKey(false);
