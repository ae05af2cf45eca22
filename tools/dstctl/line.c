// SPDX-License-Identifier: GPL-2.0-only
#include "line.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is cut to less than this says nothing. */
#define LINE_CUT_LEAST	8

/* Makes @lines empty; they are zeroed, or have been used. */
void lines_begin(struct lines *lines, size_t width)
{
	lines->nr = 0;
	lines->width = width < LINE_MOST ? width : LINE_MOST;
}

void lines_free(struct lines *lines)
{
	free(lines->line);
	memset(lines, 0, sizeof(*lines));
}

static bool lines_grow(struct lines *lines)
{
	size_t room = lines->room ? lines->room * 2 : 32;
	struct line *line;

	line = realloc(lines->line, room * sizeof(*line));
	if (!line)
		return false;
	lines->line = line;
	lines->room = room;
	return true;
}

/* An empty line at the end; good until the next one is added. */
struct line *lines_add(struct lines *lines, size_t item)
{
	struct line *line = &lines->spare;

	if (lines->nr < lines->room || lines_grow(lines))
		line = &lines->line[lines->nr++];
	memset(line, 0, sizeof(*line));
	line->item = item;
	line->width = lines->width;
	return line;
}

void lines_copy(struct lines *lines, const struct line *line)
{
	*lines_add(lines, line->item) = *line;
}

static void line_char(struct line *line, enum paint paint, char c)
{
	if (line->len >= line->width)
		return;
	line->text[line->len] = c;
	line->paint[line->len++] = paint;
}

/* UTF-8 takes several bytes for what is one column here. */
static bool goes_on(char c)
{
	return (c & 0xc0) == 0x80;
}

static size_t columns_of(const char *text)
{
	size_t columns = 0;

	for (; *text; text++)
		columns += !goes_on(*text);
	return columns;
}

/* Up to @columns of the first @bytes of @text. */
static void line_some(struct line *line, enum paint paint, const char *text,
		      size_t bytes, size_t columns)
{
	for (; bytes && *text; bytes--, text++) {
		if (goes_on(*text))
			continue;
		if (!columns--)
			break;
		line_char(line, paint, *text >= ' ' && *text < 0x7f ? *text : '?');
	}
}

void line_indent(struct line *line, size_t columns)
{
	while (columns--)
		line_char(line, PAINT_PLAIN, ' ');
}

void line_text(struct line *line, enum paint paint, const char *text)
{
	line_some(line, paint, text, strlen(text), LINE_MOST);
}

/* Just @width columns; a '~' at its end says that there would be more. */
void line_cell(struct line *line, enum paint paint, size_t width, bool right,
	       const char *text)
{
	size_t columns = columns_of(text);

	if (!width)
		return;
	if (columns > width) {
		line_some(line, paint, text, strlen(text), width - 1);
		line_char(line, paint, '~');
		return;
	}
	if (right)
		line_indent(line, width - columns);
	line_text(line, paint, text);
	if (!right)
		line_indent(line, width - columns);
}

/* Columns between a part and what stands before it. */
static size_t line_gap(const struct line *line)
{
	return line->len && line->text[line->len - 1] != ' ' ? 2 : 0;
}

/* Adds what belongs together, unless there is no room for all of it. */
bool line_part(struct line *line, enum paint paint, const char *fmt, ...)
{
	char text[LINE_MOST + 1];
	size_t gap = line_gap(line);
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (line->len + gap + columns_of(text) > line->width)
		return false;
	line_indent(line, gap);
	line_text(line, paint, text);
	return true;
}

/* Like line_part(), but what is too long is cut. */
void line_cut(struct line *line, enum paint paint, const char *text)
{
	size_t gap = line_gap(line), columns = columns_of(text), room;

	if (line->len + gap >= line->width)
		return;
	room = line->width - line->len - gap;
	if (columns > room && room < LINE_CUT_LEAST)
		return;
	line_indent(line, gap);
	line_cell(line, paint, columns < room ? columns : room, false, text);
}

/* Bytes of @text that fill a line of @columns, up to the end of a word. */
static size_t wrap_bytes(const char *text, size_t columns)
{
	size_t i, blank = 0;

	for (i = 0; text[i]; i++) {
		if (!goes_on(text[i]) && !columns--)
			break;
		if (text[i] == ' ')
			blank = i;
	}
	if (!text[i] || text[i] == ' ')
		return i;
	return blank ? blank : i;
}

/* As many lines as @text needs. */
void lines_wrap(struct lines *lines, size_t item, enum paint paint,
		size_t indent, const char *text)
{
	struct line *line;
	size_t bytes;

	if (indent >= lines->width)
		return;
	while (*text) {
		bytes = wrap_bytes(text, lines->width - indent);
		line = lines_add(lines, item);
		line_indent(line, indent);
		line_some(line, paint, text, bytes, LINE_MOST);
		text += bytes;
		text += strspn(text, " ");
	}
}
