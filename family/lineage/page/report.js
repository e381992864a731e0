"use strict";
// What is pointed at says what it is.
const tip = document.getElementById("tip");

function tell(target, x, y) {
  tip.textContent = target.dataset.says;
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.min(Math.max(8, x - width / 2), innerWidth - width - 8);
  const above = y - height - 14;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 8 ? above : y + 18}px`;
}

for (const moved of ["pointermove", "pointerdown"]) document.addEventListener(moved, (event) => {
  const target = event.target.closest("[data-says]");
  if (target) tell(target, event.clientX, event.clientY);
  else tip.hidden = true;
});
document.addEventListener("focusin", (event) => {
  const target = event.target.closest("[data-says]");
  if (!target) return;
  const { left, width, top } = target.getBoundingClientRect();
  tell(target, left + width / 2, top);
});
for (const gone of ["focusout", "pointerleave", "scroll"]) {
  document.addEventListener(gone, () => { tip.hidden = true; }, { passive: true });
}

// The card that is open: in the graph, what it came from and what came of it stand out.
const nodes = [...document.querySelectorAll("#lineage .node")];
const edges = [...document.querySelectorAll("#lineage .edge")];
let opener = null;

function line(model) {
  const found = new Set([model]);
  for (const [near, far] of [["child", "parent"], ["parent", "child"]]) {
    const waiting = [model];
    while (waiting.length) {
      const at = waiting.pop();
      for (const { dataset } of edges) {
        if (dataset[near] !== at || found.has(dataset[far])) continue;
        found.add(dataset[far]);
        waiting.push(dataset[far]);
      }
    }
  }
  return found;
}

function show() {
  const card = document.querySelector(".card:target");
  const model = card && card.id.replace("model-", "");
  const related = model ? line(model) : null;
  for (const node of nodes) {
    node.classList.toggle("open", node.dataset.model === model);
    node.classList.toggle("far", !!related && !related.has(node.dataset.model));
  }
  for (const { dataset, classList } of edges) {
    const near = !!related && related.has(dataset.parent) && related.has(dataset.child);
    classList.toggle("near", near);
    classList.toggle("far", !!related && !near);
  }
  tip.hidden = true;
  if (card) card.focus({ preventScroll: true });
  else if (opener) opener.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#model-"]');
  if (link && !link.closest(".card")) opener = link;
  const card = document.querySelector(".card:target");
  if (card && !link && !card.contains(event.target)) location.hash = "closed";
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  tip.hidden = true;
  if (document.querySelector(".card:target")) location.hash = "closed";
});
addEventListener("hashchange", show);
show();
