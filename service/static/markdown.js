// As much of Markdown as model cards are written in: headings, paragraphs, lists, tables, images, code, bold, links.
// Text becomes text nodes, never markup.

const INLINE = /!\[([^\]]*)\]\(([^)\s]+)\)|\[([^\]]+)\]\((https?:[^)\s]+)\)|`([^`]+)`|\*\*([^*]+)\*\*/g;

export function render(text, into, showImage) {
  for (const block of text.trim().split(/\n\s*\n/)) into.append(blockOf(block, showImage));
}

function blockOf(block, showImage) {
  const heading = block.match(/^(#{1,5}) (.*)$/);
  if (heading) return filled(`h${heading[1].length + 1}`, heading[2], showImage);
  const lines = block.split("\n");
  if (lines[0].startsWith("|")) return table(lines, showImage);
  if (lines[0].startsWith("- ")) return list(lines, showImage);
  return filled("p", block, showImage);
}

function list(lines, showImage) {
  const items = lines.join("\n").slice(2).split("\n- ");
  const made = document.createElement("ul");
  made.append(...items.map((item) => filled("li", item, showImage)));
  return made;
}

function table([head, , ...rows], showImage) {
  const cells = (line, kind) => {
    const row = document.createElement("tr");
    row.append(...line.trim().slice(1, -1).split("|").map((cell) => filled(kind, cell.trim(), showImage)));
    return row;
  };
  const made = document.createElement("table");
  made.append(cells(head, "th"), ...rows.map((line) => cells(line, "td")));
  const scroll = document.createElement("div");
  Object.assign(scroll, { className: "scroll", tabIndex: 0 }); // the keyboard can scroll it
  scroll.append(made);
  return scroll;
}

function filled(kind, text, showImage) {
  const made = document.createElement(kind);
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    made.append(text.slice(at, match.index), inline(match, showImage));
    at = match.index + match[0].length;
  }
  made.append(text.slice(at));
  return made;
}

function inline([, alt, image, label, link, code, bold], showImage) {
  if (image !== undefined) {
    const made = Object.assign(document.createElement("img"), { alt });
    showImage(made, image);
    return made;
  }
  if (link !== undefined) return Object.assign(document.createElement("a"), { href: link, textContent: label });
  return Object.assign(document.createElement(code === undefined ? "strong" : "code"), { textContent: code ?? bold });
}
