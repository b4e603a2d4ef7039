"use strict";
const byId = (id) => document.getElementById(id);
const content = (id) => (byId(id) ? JSON.parse(byId(id).textContent) : null);

// Samples: a slider over every picture, another image, image or label to the left.
function samples() {
  const data = content("sample-data");
  if (!data) return;
  const choice = byId("sample");
  const figures = [...byId("pictures").querySelectorAll("figure")];
  const against = () => document.querySelector("input[name=against]:checked").value;

  function move(figure) {
    const slider = figure.querySelector("input");
    const at = Number(slider.value);
    figure.querySelector(".compare").style.setProperty("--at", `${at}%`);
    slider.setAttribute("aria-valuetext", `${at} % ${against()}, ${100 - at} % prediction`);
  }

  function show() {
    const sample = data[Number(choice.value)];
    const left = against();
    for (const figure of figures) {
      const task = figure.dataset.task;
      const pictures = sample.tasks[task];
      const source = left === "image" ? sample.image : pictures.label;
      const words = task.replaceAll("_", " ");
      const [before, after] = figure.querySelectorAll("img");
      before.hidden = source === null;
      if (source !== null) before.src = source;
      before.alt = left === "image" ? `${sample.image_id}: image` : `${sample.image_id}: label of ${words}`;
      after.src = pictures.prediction;
      after.alt = `${sample.image_id}: prediction of ${words}`;
      figure.querySelector(".no-label").hidden = source !== null;
      figure.querySelector(".against").textContent = `${left} | prediction`;
      figure.querySelector(".compare").style.aspectRatio = `${sample.width} / ${sample.height}`;
      for (const entry of figure.querySelectorAll("li")) entry.hidden = !pictures.shown.includes(entry.dataset.name);
      move(figure);
    }
  }

  function turn(by) {
    choice.value = String((Number(choice.value) + by + data.length) % data.length);
    show();
  }

  for (const figure of figures) figure.querySelector("input").addEventListener("input", () => move(figure));
  choice.addEventListener("change", show);
  for (const radio of document.querySelectorAll("input[name=against]")) radio.addEventListener("change", show);
  byId("sample-before").addEventListener("click", () => turn(-1));
  byId("sample-next").addEventListener("click", () => turn(1));
  show();
}

// Routers: colours of the cells by step and quantity.
function routers() {
  const data = content("router-data");
  if (!data) return;
  const slider = byId("router-step");
  const maps = [...byId("router-maps").querySelectorAll("svg")].map((svg) => [...svg.querySelectorAll("rect")]);
  const levels = {};
  for (const [key, text] of Object.entries(data.values)) levels[key] = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const cells = data.routers.length * data.experts;
  const quantity = () => document.querySelector("input[name=quantity]:checked").value;
  const level = (key, task, cell) => levels[key][(Number(slider.value) * data.tasks.length + task) * cells + cell];

  function show() {
    const key = quantity();
    const step = data.steps[Number(slider.value)];
    maps.forEach((rects, task) => rects.forEach((rect, cell) => {
      const colour = data.palette[level(key, task, cell)];
      if (colour) rect.setAttribute("fill", colour);
    }));
    byId("router-at").textContent = step.toLocaleString("en");
    slider.setAttribute("aria-valuetext", `step ${step}`);
    for (const bar of document.querySelectorAll(".bar-of")) bar.hidden = bar.dataset.quantity !== key;
  }

  function read(event) {
    const task = maps.findIndex((rects) => rects.includes(event.target));
    if (task < 0) return;
    const cell = maps[task].indexOf(event.target);
    const expert = cell % data.experts;
    const shared = expert >= data.experts - data.shared ? ", shared" : "";
    const values = Object.keys(data.names).map((key) => {
      const found = level(key, task, cell);
      const value = (found * data.tops[key]) / (data.palette.length - 1);
      return `${data.names[key]} ${found === 255 ? "-" : value.toFixed(3)}`;
    });
    const router = data.routers[Math.floor(cell / data.experts)];
    byId("router-readout").textContent =
      `${data.tasks[task].replaceAll("_", " ")}, layer ${router}, expert ${expert}${shared}: ${values.join(", ")}`;
  }

  slider.addEventListener("input", show);
  for (const radio of document.querySelectorAll("input[name=quantity]")) radio.addEventListener("change", show);
  byId("router-maps").addEventListener("pointerover", read);
  show();
}

// Line charts: the values at the pointer.
function charts() {
  const shown = (value) => (Math.abs(value) < 0.5 ? value.toFixed(4) : value.toFixed(2));
  for (const svg of document.querySelectorAll("svg.chart[data-frame]")) {
    const [first, last, low, high, left, right, top, bottom] = svg.dataset.frame.split(" ").map(Number);
    const lines = [...svg.querySelectorAll("polyline")].map((line) => ({
      name: line.dataset.name,
      points: line.getAttribute("points").split(" ").map((point) => point.split(",").map(Number)),
    }));
    const cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
    cursor.setAttribute("class", "cursor");
    cursor.setAttribute("y1", top);
    cursor.setAttribute("y2", bottom);
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.setAttribute("aria-hidden", "true");

    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const wide = svg.viewBox.baseVal.width;
      const x = ((event.clientX - box.left) / box.width) * wide;
      const near = (points) => points.reduce((a, b) => (Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a));
      const at = near(lines.map((line) => near(line.points)))[0];
      const step = Math.round(first + ((at - left) / (right - left)) * (last - first));
      const told = lines.map(({ name, points }) => {
        const value = high - ((near(points)[1] - top) / (bottom - top)) * (high - low);
        return `${name ? `${name} ` : ""}${shown(value)}`;
      });
      tip.textContent = [`step ${step.toLocaleString("en")}`, ...told].join("\n");
      cursor.setAttribute("x1", at);
      cursor.setAttribute("x2", at);
      svg.append(cursor);
      svg.parentElement.append(tip);
      const place = (at / wide) * box.width;
      tip.style.top = "1.7rem";
      tip.style.left = place > box.width / 2 ? "auto" : `${place + 10}px`;
      tip.style.right = place > box.width / 2 ? `${box.width - place + 10}px` : "auto";
    });
    svg.addEventListener("pointerleave", () => { cursor.remove(); tip.remove(); });
  }
}

samples();
routers();
charts();
