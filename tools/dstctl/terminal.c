// SPDX-License-Identifier: GPL-2.0-only
/* Apart from screen.c, as macros of term.h are called "lines" and "columns". */
#include "terminal.h"

#include <ncurses.h>
#include <stdlib.h>
#include <term.h>
#include <unistd.h>

#include "dstctl.h"

#define INSTEAD	"Use 'dstctl stats --interval 1' instead"

/* 0, or the exit status where no screen can be shown; says why. */
int terminal_check(const char *what)
{
	const char *term = getenv("TERM");
	bool can_move;
	int err;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		fail(what, INSTEAD,
		     "it needs a terminal to show its screen and read keys");
		return EXIT_USAGE;
	}
	if (!term || !*term)
		return fail(what, "Set it, as in 'TERM=xterm dstctl top'",
			    "TERM does not say what kind of terminal this is");
	if (setupterm(NULL, STDOUT_FILENO, &err) == ERR)
		return fail(what, "Set TERM, as in 'TERM=xterm dstctl top'",
			    "the kind of terminal '%s' is not known here",
			    term);
	can_move = cursor_address != NULL;
	del_curterm(cur_term);
	if (!can_move)
		return fail(what, INSTEAD,
			    "a terminal of the kind '%s' cannot show a screen",
			    term);
	return 0;
}
