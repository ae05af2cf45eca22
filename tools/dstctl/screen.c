// SPDX-License-Identifier: GPL-2.0-only
/*
 * All that touches ncurses. Signals are only let in while waiting for a key:
 * one that came just before would else be noticed an interval later.
 */
#include "screen.h"

#include <errno.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "dstctl.h"
#include "show.h"
#include "terminal.h"

/* What lies between Esc and the rest of an arrow key, from a slow line. */
#define ESCAPE_MS	100

static SCREEN *screen;
static bool coloured;
static sigset_t let_in;

static const struct {
	int code;
	enum top_key key;
} keys[] = {
	{ 'q', TOP_KEY_QUIT },
	{ 'k', TOP_KEY_UP },
	{ KEY_UP, TOP_KEY_UP },
	{ 'j', TOP_KEY_DOWN },
	{ KEY_DOWN, TOP_KEY_DOWN },
	{ KEY_PPAGE, TOP_KEY_PAGE_UP },
	{ KEY_NPAGE, TOP_KEY_PAGE_DOWN },
	{ '\n', TOP_KEY_OPEN },
	{ '\r', TOP_KEY_OPEN },
	{ KEY_ENTER, TOP_KEY_OPEN },
	{ 's', TOP_KEY_SORT },
	{ 'p', TOP_KEY_PAUSE },
	{ '+', TOP_KEY_SLOWER },
	{ '-', TOP_KEY_FASTER },
	{ '?', TOP_KEY_HELP },
};

static void screen_colours(void)
{
	static const short colours[PAINT_NR] = {
		[PAINT_GOOD] = COLOR_GREEN,
		[PAINT_POOR] = COLOR_YELLOW,
		[PAINT_BAD] = COLOR_RED,
	};
	short paint;

	coloured = human_colour() && has_colors() && start_color() != ERR;
	if (!coloured)
		return;
	use_default_colors();
	for (paint = PAINT_GOOD; paint <= PAINT_BAD; paint++)
		init_pair(paint, colours[paint], -1);
}

static void screen_signals(void)
{
	sigset_t held;

	signal_catch();
	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGWINCH);
	sigprocmask(SIG_BLOCK, &held, &let_in);
}

/* Returns 0 or the exit status, and says why. */
int screen_open(const char *what)
{
	int ret;

	ret = terminal_check(what);
	if (ret)
		return ret;
	screen_signals();
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return fail(what, NULL, "the terminal cannot be used");
	set_escdelay(ESCAPE_MS);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	screen_colours();
	return 0;
}

void screen_close(void)
{
	endwin();
	delscreen(screen);
}

void screen_size(size_t *width, size_t *height)
{
	*width = getmaxx(stdscr);
	*height = getmaxy(stdscr);
}

static chtype screen_attribute(const struct line *line, enum paint paint)
{
	chtype attribute = paint == PAINT_TITLE ? A_BOLD : A_NORMAL;

	if (paint >= PAINT_GOOD && paint <= PAINT_BAD && coloured)
		attribute |= COLOR_PAIR(paint);
	return line->cursor ? attribute | A_REVERSE : attribute;
}

void screen_draw(const struct lines *page)
{
	const struct line *line;
	size_t i, j;

	erase();
	for (i = 0; i < page->nr; i++) {
		line = &page->line[i];
		for (j = 0; j < line->len; j++)
			mvaddch(i, j, (unsigned char)line->text[j] |
				screen_attribute(line, line->paint[j]));
	}
	refresh();
}

static enum top_key screen_translate(int code)
{
	size_t i;

	if (code == ERR || code == KEY_RESIZE)
		return TOP_KEY_NONE;
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].code == code)
			return keys[i].key;
	return TOP_KEY_OTHER;
}

/*
 * Waits for a key, at most for @wait_ms (below 0: for as long as it takes);
 * *key is NONE if it was something else, such as a new size. Returns 0, or a
 * negative errno when the terminal has gone.
 */
int screen_key(enum top_key *key, __s64 wait_ms)
{
	struct timespec wait = {
		.tv_sec = wait_ms / 1000,
		.tv_nsec = wait_ms % 1000 * 1000000,
	};
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	int ret;

	ret = ppoll(&in, 1, wait_ms < 0 ? NULL : &wait, &let_in);
	if (ret < 0 && errno != EINTR)
		return -errno;
	if (ret > 0 && !(in.revents & POLLIN))
		return -EIO;
	*key = screen_translate(getch());
	return 0;
}
