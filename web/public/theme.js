// Runs before the first paint, so that a chosen theme never flashes. External because the policy allows no inline script.
(function () {
  var root = document.documentElement;
  var dark = matchMedia('(prefers-color-scheme: dark)');
  function read(key) {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // storage may be closed to us; the system's theme then stands
    }
  }
  function apply() {
    var choice = read('theme');
    var theme = choice === 'light' || choice === 'dark' ? choice : dark.matches ? 'dark' : 'light';
    root.dataset.theme = theme;
    var meta = document.querySelector('meta[name=theme-color]');
    if (meta) meta.setAttribute('content', theme === 'dark' ? '#0A1012' : '#F4F6F6');
  }
  apply();
  dark.addEventListener('change', apply);
  addEventListener('themechange', apply);
  var locale = read('locale');
  if (locale) {
    root.lang = locale;
    root.dir = /^(ar|fa|he|ur)\b/.test(locale) ? 'rtl' : 'ltr';
  }
})();
