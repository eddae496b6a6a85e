// Lets clocks of the desk run between two answers of the server. No page needs it.
"use strict";
(() => {
  const body = document.body.dataset;
  const ahead = Number(body.utc) - Date.now();
  const spell = (seconds) => {
    const two = (number) => String(number).padStart(2, "0");
    return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  };
  const tick = () => {
    const now = Date.now() + ahead;
    for (const clock of document.querySelectorAll("[data-until]")) {
      const left = Number(clock.dataset.until) - now;
      clock.classList.toggle("overdue", left < 0);
      clock.textContent = `${left < 0 ? body.overdue : body.left} ${spell(Math.floor(Math.abs(left) / 1000))}`;
    }
  };
  tick();
  setInterval(tick, 1000);
})();
// A page with forms asks for itself again while nobody has touched one.
(() => {
  const seconds = Number(document.body.dataset.refresh || 0);
  let touched = false;
  document.addEventListener("input", () => { touched = true; });
  if (seconds > 0) {
    setInterval(() => {
      const active = document.activeElement;
      const busy = active && active.matches("input, select, textarea");
      if (!touched && !busy && !document.hidden) { location.replace(location.pathname + location.search.replace(/&said=[a-z]+/, "")); }
    }, seconds * 1000);
  }
})();
