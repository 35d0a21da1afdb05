// The visible texts whose contrast with what is behind them is under what WCAG 2.1 AA asks for.
() => {
  const parse = (color) => color.match(/[\d.]+/g).map(Number);
  const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => linear(c / 255));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    if (element.matches(".axis text.decline, .axis text.approve")) {
      const band = document.querySelector(`.axis rect.${element.classList[1]}`);
      return parse(getComputedStyle(band).fill);
    }
    for (let each = element; each; each = each.parentElement) {
      const color = parse(getComputedStyle(each).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const ratio = (element, style) => {
    const own = parse(element instanceof SVGElement ? style.fill : style.color);
    const [most, least] = [own, behind(element)].map(luminance).sort((x, y) => y - x);
    return (most + 0.05) / (least + 0.05);
  };
  const hasText = (element) =>
    element.matches("input, select") ||
    [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    if (!hasText(element) || !element.checkVisibility()) continue;
    if (element.matches(":disabled, :disabled *, .unseen, option, noscript")) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const found = ratio(element, style);
    if (found < (isLarge ? 3 : 4.5)) {
      faint.push(`${element.tagName} ${element.textContent.slice(0, 30)}: ${found.toFixed(2)}`);
    }
  }
  return faint;
}
