/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of a screen that is only memory: characters and how they are painted.
 * They are never longer than the screen is wide, and hold nothing but printable
 * ASCII: a byte is a column on any terminal, in any locale. Pure.
 */
#ifndef DSTCTL_LINE_H
#define DSTCTL_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define LINE_MOST	256
#define LINE_NO_ITEM	((size_t)-1)

enum paint {
	PAINT_PLAIN,
	PAINT_GOOD,
	PAINT_POOR,
	PAINT_BAD,
	PAINT_TITLE,
	PAINT_NR
};

/**
 * struct line - one line
 * @item: what it tells of, or LINE_NO_ITEM
 * @cursor: the cursor stands on it
 * @width: of the screen
 * @len: characters in @text, which ends with a NUL
 */
struct line {
	size_t item;
	bool cursor;
	size_t width;
	size_t len;
	char text[LINE_MOST + 1];
	unsigned char paint[LINE_MOST];
};

/* @spare takes what there is no memory for, and is never shown. */
struct lines {
	struct line *line;
	size_t nr;
	size_t room;
	size_t width;
	struct line spare;
};

void lines_begin(struct lines *lines, size_t width);
void lines_free(struct lines *lines);
struct line *lines_add(struct lines *lines, size_t item);
void lines_copy(struct lines *lines, const struct line *line);
void lines_wrap(struct lines *lines, size_t item, enum paint paint,
		size_t indent, const char *text);

void line_indent(struct line *line, size_t columns);
void line_text(struct line *line, enum paint paint, const char *text);
void line_cell(struct line *line, enum paint paint, size_t width, bool right,
	       const char *text);
__attribute__((__format__(__printf__, 3, 4)))
bool line_part(struct line *line, enum paint paint, const char *fmt, ...);
void line_cut(struct line *line, enum paint paint, const char *text);

#endif /* DSTCTL_LINE_H */
