// The cells of a panel's photograph that can be marked: one tab stop each photograph, arrow keys among its cells.

import { Roving } from "./roving.js";

for (const photograph of document.querySelectorAll(".panel-photograph")) new Roving(photograph, ".spot");
