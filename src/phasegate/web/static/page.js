"use strict";

// Comments at lines: a line's number opens a place to write, which belongs to the decision's form.
const field = (name, value) => Object.assign(document.createElement("input"), { type: "hidden", name, value });

function remark(path, line) {
  const row = document.createElement("tr");
  row.className = "remark";
  const cell = row.insertCell();
  cell.colSpan = 3;
  const text = document.createElement("textarea");
  text.name = "comment";
  const label = document.createElement("label");
  label.append(`Comment at ${path}:${line}`, text);
  const away = Object.assign(document.createElement("button"), { type: "button", textContent: "Remove" });
  const bar = document.createElement("div");
  bar.className = "row";
  bar.append(away);
  const hidden = [field("comment_path", path), field("comment_line", line)];
  for (const part of [...hidden, text]) part.setAttribute("form", "decision");
  cell.append(...hidden, label, bar);
  return { row, text, away };
}

function comment(button) {
  const at = button.closest("tr");
  const next = at.nextElementSibling;
  if (next?.classList.contains("remark")) return next.querySelector("textarea").focus();
  const { row, text, away } = remark(button.closest("table").dataset.path, button.dataset.line);
  away.addEventListener("click", () => { row.remove(); button.focus(); });
  at.after(row);
  const changes = document.querySelector(".request-changes input");
  if (changes && !document.querySelector("#decision input[name=decision]:checked")) changes.checked = true;
  text.focus();
}

// Whoever answers a question asks for changes, unless something else is chosen.
document.addEventListener("input", (event) => {
  const changes = document.querySelector(".request-changes input");
  const chosen = document.querySelector("#decision input[name=decision]:checked");
  if (event.target.name === "answer" && event.target.value && changes && !chosen) changes.checked = true;
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.at");
  if (button) comment(button);
  const link = event.target.closest(".contents a");
  if (link) document.querySelector(link.hash)?.setAttribute("open", "");
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy);
  getSelection().selectAllChildren(text); // what stays where the browser lets no page write to the clipboard
  await navigator.clipboard?.writeText(text.textContent);
  if (navigator.clipboard) button.textContent = "Copied";
});

// What is signed is sent once, however often the button is pressed.
document.addEventListener("submit", (event) => {
  if (!("once" in event.target.dataset)) return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
addEventListener("pageshow", () => document.querySelectorAll("[data-sent]").forEach((form) => delete form.dataset.sent));

// The backlog by drag; the buttons do the same for the keyboard.
let dragged = null;
document.addEventListener("dragstart", (event) => {
  dragged = event.target.closest(".ranked > li");
  dragged?.classList.add("dragged");
});
document.addEventListener("dragover", (event) => {
  const over = event.target.closest(".ranked > li");
  if (!dragged || !over || over === dragged) return;
  event.preventDefault();
  const box = over.getBoundingClientRect();
  over[event.clientY < box.top + box.height / 2 ? "before" : "after"](dragged);
});
document.addEventListener("drop", (event) => dragged && event.preventDefault());
document.addEventListener("dragend", () => {
  if (!dragged) return;
  dragged.classList.remove("dragged");
  dragged = null;
  const form = document.querySelector("#order");
  form.querySelectorAll("[name=spec]").forEach((old) => old.remove());
  document.querySelectorAll(".ranked > li").forEach((row) => form.append(field("spec", row.dataset.spec)));
  form.requestSubmit();
});
