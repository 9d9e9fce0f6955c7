// Many links with one tab stop: Tab goes past them all, and arrow keys move among them by where they stand.

const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Roving {
  constructor(root, selector) {
    this.root = root;
    this.selector = selector;
    this.settle();
    // Tab would stop at an element of a drawing that listens for focus itself.
    const around = root.closest("svg")?.parentElement ?? root;
    around.addEventListener("focusin", (event) => {
      const item = event.target.closest(selector);
      if (item && root.contains(item)) this.settle(item);
    });
    root.addEventListener("keydown", (event) => this.onKey(event));
    // What was drawn anew has its own tab stop.
    document.addEventListener("refreshed", () => this.settle());
  }

  get items() {
    return [...this.root.querySelectorAll(this.selector)];
  }

  // The one that Tab leads to.
  get current() {
    return this.root.querySelector(`${this.selector}[tabindex="0"]`);
  }

  settle(item) {
    const items = this.items;
    const chosen = item ?? items.find((one) => one === document.activeElement) ?? this.current ?? items[0];
    for (const one of items) one.setAttribute("tabindex", one === chosen ? 0 : -1);
  }

  go(item) {
    this.settle(item);
    item.focus({ preventScroll: true });
    item.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  onKey(event) {
    const item = event.target.closest?.(this.selector);
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
    const items = this.items;
    let next;
    if (event.key in DIRECTIONS) next = nearest(item, items, DIRECTIONS[event.key]) ?? this.beside(item, items, event.key);
    else if (event.key === "Home") next = items[0];
    else if (event.key === "End") next = items.at(-1);
    else return;
    event.preventDefault();
    event.stopPropagation();
    if (next) this.go(next);
  }

  // At the end of a line, the next one's begin.
  beside(item, items, key) {
    const forward = getComputedStyle(this.root).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    const step = key === forward ? 1 : key === "ArrowLeft" || key === "ArrowRight" ? -1 : 0;
    return step ? items[items.indexOf(item) + step] : null;
  }
}

function nearest(item, items, [right, down]) {
  const from = middle(item);
  let best = null;
  let least = Infinity;
  for (const other of items) {
    if (other === item) continue;
    const { x, y } = middle(other);
    const ahead = (x - from.x) * right + (y - from.y) * down;
    const aside = Math.abs((x - from.x) * down) + Math.abs((y - from.y) * right);
    if (ahead < 1 || aside > ahead) continue;
    if (ahead + 2 * aside < least) {
      least = ahead + 2 * aside;
      best = other;
    }
  }
  return best;
}

function middle(item) {
  const box = item.getBoundingClientRect();
  return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
}
