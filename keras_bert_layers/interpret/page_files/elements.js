// What the page is built with. Text enters it as text nodes and attributes alone, so that none of it is markup.
"use strict";

const byId = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Buttons of which one is pressed; `onChoice` gets its value. */
function makeSwitch(place, choices, chosen, onChoice) {
  const buttons = Object.entries(choices).map(([value, label]) => {
    const button = make("button", { type: "button", "data-value": value }, label);
    button.addEventListener("click", () => {
      press(value);
      onChoice(value);
    });
    return button;
  });
  function press(value) {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.value === value));
  }
  press(chosen);
  place.replaceChildren(...buttons);
}

/** Moves the one tab stop of a group to an element of it. */
function moveTabStop(elements, current) {
  for (const element of elements) element.tabIndex = element === current ? 0 : -1;
}

function barRow(name, share, value, { best = false, middle = false, color = null } = {}) {
  const fill = make("span", { class: "fill" });
  const width = Math.min(1, Math.abs(share)) * (middle ? 50 : 100);
  fill.style.width = `${width}%`;
  fill.style.left = middle ? `${share < 0 ? 50 - width : 50}%` : "0";
  if (color) fill.style.background = color;
  return [
    make("bdi", { class: best ? "name best" : "name", title: name }, name),
    make("span", { class: middle ? "track middle" : "track", "aria-hidden": "true" }, fill),
    make("span", { class: "value" }, value),
  ];
}

function signed(value, digits = 3) {
  const size = Math.abs(value).toFixed(digits);
  return Number(size) === 0 ? size : `${value < 0 ? "−" : "+"}${size}`;
}

const plain = (value) => value.toFixed(3).replace("-", "−");

const percent = (share) => `${(100 * share).toFixed(share > 0.9995 || share < 0.0995 ? 1 : 0)} %`;

function showTip(element, text) {
  const tip = byId("tip");
  tip.textContent = text;
  tip.hidden = false;
  const box = element.getBoundingClientRect();
  const left = Math.min(box.left + box.width / 2 - tip.offsetWidth / 2, innerWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(8, left) + scrollX}px`;
  tip.style.top = `${box.bottom + 5 + scrollY}px`;
}

function hideTip() {
  byId("tip").hidden = true;
}
