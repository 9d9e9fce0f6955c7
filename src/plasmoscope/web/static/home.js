// The list of slides: photographs that a page of a slide did not send to the end are sent from here.

import { Sender } from "./uploads.js";

const section = document.querySelector("#unsent");
const list = section.querySelector(".uploads");
const show = () => (section.hidden = !list.children.length);
new MutationObserver(show).observe(list, { childList: true });
new Sender(list, section.dataset.owner).goOn();
