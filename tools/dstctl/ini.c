// SPDX-License-Identifier: GPL-2.0-only
#include "ini.h"

#include <string.h>

#define BLANK	" \t\r\n"

/* Cuts blanks off both ends. */
static char *trim(char *text)
{
	size_t len;

	text += strspn(text, BLANK);
	len = strlen(text);
	while (len && strchr(BLANK, text[len - 1]))
		text[--len] = '\0';
	return text;
}

static const char *read_section(char *text, const struct ini_ops *ops,
				void *data)
{
	char *end = strchr(text, ']');
	char *kind, *name;

	if (!end || end[1])
		return "a section is [KIND NAME] and nothing behind it";
	*end = '\0';
	kind = trim(text + 1);
	name = kind + strcspn(kind, " \t");
	if (*name)
		*name++ = '\0';
	return ops->section(data, kind, trim(name));
}

static const char *read_key(char *text, const struct ini_ops *ops, void *data)
{
	char *value = strchr(text, '=');

	if (!value)
		return "a line is KEY = VALUE, [KIND NAME] or a comment";
	*value++ = '\0';
	return ops->key(data, trim(text), trim(value));
}

/* On an error *line is where. */
const char *ini_read(FILE *file, const struct ini_ops *ops, void *data,
		     unsigned int *line)
{
	char text[INI_LINE_LEN], *start;
	const char *bad;
	size_t len;

	for (*line = 1; fgets(text, sizeof(text), file); ++*line) {
		len = strlen(text);
		if (len == sizeof(text) - 1 && text[len - 1] != '\n')
			return "the line is too long";
		start = trim(text);
		if (!*start || strchr("#;", *start))
			continue;
		bad = *start == '[' ? read_section(start, ops, data) :
			read_key(start, ops, data);
		if (bad)
			return bad;
	}
	return ferror(file) ? "it cannot be read" : NULL;
}
