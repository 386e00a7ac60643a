import "./vendors~main-C4k9_xZ2.js";
const lazy = () => import("./chunk-PABCDEFG.mjs");
export { lazy };
