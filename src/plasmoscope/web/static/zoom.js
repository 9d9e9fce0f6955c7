// Zoom and pan of a drawing by wheel, pinch, drag, keys and buttons, by what part of it is in view.

const MOST = 10;
const STEP = 1.4;
const CLICK_PIXELS = 5;

export class Zoom {
  constructor(svg) {
    this.svg = svg;
    // The field of view: what surrounds it is black and holds nothing.
    ({ x: this.left, y: this.top, width: this.width, height: this.height } = svg.viewBox.baseVal);
    this.objects = svg.querySelector(".objects");
    this.fontSize = Number(this.objects.getAttribute("font-size"));
    this.pointers = new Map();
    this.dragged = false;
    this.show(this.left, this.top, 1);
    svg.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    svg.addEventListener("keydown", (event) => this.onKey(event));
    svg.addEventListener("pointerdown", (event) => this.onDown(event));
    svg.addEventListener("dragstart", (event) => event.preventDefault());
    // On the window: a drag may leave the drawing, and capturing the pointer would take the click from the cells.
    window.addEventListener("pointermove", (event) => this.onMove(event));
    for (const name of ["pointerup", "pointercancel"]) {
      window.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
    }
  }

  // The part that begins at x and y, enlarged; it never leaves the field of view.
  show(x, y, factor) {
    this.factor = Math.min(MOST, Math.max(1, factor));
    const width = this.width / this.factor;
    const height = this.height / this.factor;
    this.x = Math.min(this.left + this.width - width, Math.max(this.left, x));
    this.y = Math.min(this.top + this.height - height, Math.max(this.top, y));
    this.svg.setAttribute("viewBox", `${this.x} ${this.y} ${width} ${height}`);
    this.svg.classList.toggle("zoomed", this.factor > 1);
    // Numbers grow less than the cells, so as not to cover them.
    this.objects.setAttribute("font-size", this.fontSize / this.factor ** 0.7);
  }

  // Enlarged by a ratio around a place, given as a share of the view.
  by(ratio, across = 0.5, down = 0.5) {
    const factor = Math.min(MOST, Math.max(1, this.factor * ratio));
    const gain = 1 / this.factor - 1 / factor;
    this.show(this.x + across * this.width * gain, this.y + down * this.height * gain, factor);
  }

  pan(across, down) {
    this.show(this.x + (across * this.width) / this.factor, this.y + (down * this.height) / this.factor, this.factor);
  }

  to(where) {
    // The open cell stays where it is.
    const open = this.svg.querySelector(".open");
    const place = open ? this.placeOf(open).map((share) => Math.min(1, Math.max(0, share))) : [];
    if (where === "in") this.by(STEP, ...place);
    else if (where === "out") this.by(1 / STEP, ...place);
    else this.show(this.left, this.top, 1);
  }

  // The middle of an object, as shares of the view.
  placeOf(object) {
    const box = object.getBBox();
    const across = ((box.x + box.width / 2 - this.x) * this.factor) / this.width;
    const down = ((box.y + box.height / 2 - this.y) * this.factor) / this.height;
    return [across, down];
  }

  // An object that is out of view comes to its middle.
  reveal(object) {
    const [across, down] = this.placeOf(object);
    if (across > 0 && across < 1 && down > 0 && down < 1) return;
    this.pan(across - 0.5, down - 0.5);
  }

  // Where the view lies on the screen: in the middle of the drawing, which may be wider or higher.
  frame() {
    const whole = this.svg.getBoundingClientRect();
    const scale = Math.min(whole.width / this.width, whole.height / this.height);
    const [width, height] = [this.width * scale, this.height * scale];
    return { left: whole.left + (whole.width - width) / 2, top: whole.top + (whole.height - height) / 2, width, height };
  }

  onWheel(event) {
    // Where the whole field is seen there is nothing to zoom out of: the page scrolls on.
    if (event.deltaY > 0 && this.factor === 1) return;
    event.preventDefault();
    const frame = this.frame();
    const across = (event.clientX - frame.left) / frame.width;
    const down = (event.clientY - frame.top) / frame.height;
    this.by(event.deltaY < 0 ? STEP : 1 / STEP, across, down);
  }

  onKey(event) {
    const doings = {
      "+": () => this.to("in"),
      "=": () => this.to("in"),
      "-": () => this.to("out"),
      0: () => this.to("whole"),
      ArrowLeft: () => this.pan(-0.2, 0),
      ArrowRight: () => this.pan(0.2, 0),
      ArrowUp: () => this.pan(0, -0.2),
      ArrowDown: () => this.pan(0, 0.2),
    };
    const doing = doings[event.key];
    if (!doing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    doing();
  }

  onDown(event) {
    // What is drawn does not move the photograph.
    if (this.svg.dataset.mode) return;
    if (!this.pointers.size) {
      this.dragged = false;
      this.moved = 0;
    }
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }

  onMove(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const after = { x: event.clientX, y: event.clientY };
    const frame = this.frame();
    if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const ratio = distance(after, other) / Math.max(1, distance(before, other));
      const middle = { x: (after.x + other.x) / 2, y: (after.y + other.y) / 2 };
      this.by(ratio, (middle.x - frame.left) / frame.width, (middle.y - frame.top) / frame.height);
      this.dragged = true;
    } else {
      this.moved += distance(before, after);
      if (this.moved > CLICK_PIXELS) this.dragged = true;
      this.pan((before.x - after.x) / frame.width, (before.y - after.y) / frame.height);
    }
    this.pointers.set(event.pointerId, after);
  }
}

function distance(one, other) {
  return Math.hypot(one.x - other.x, one.y - other.y);
}
