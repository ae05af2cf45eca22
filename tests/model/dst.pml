// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a completed write is worth: one client device, its lanes, one server
 * whose disk has a volatile cache.
 *
 *   application --> transactions --> lanes ~~~~~> server --> cache --> stable
 *                   (retained)       (fence)                 (lost by a crash)
 *
 * The id of a write is also the content that it writes: content 2 is newer than
 * content 1, and 0 is what was there at the beginning. Each process below may
 * take any of its steps whenever that step's condition holds; spin tries all
 * orders.
 *
 * P1  A completed write is never lost by the server or the network: a read
 *     finds it, or a newer one.
 * P2  When a flush completes, what had completed before it was issued is on
 *     stable storage; and there it, or something newer, stays.
 * P3  No write is executed after a later overlapping one was answered, but by
 *     the replay, in order, after the server lost its cache.
 * P4  A read returns the newest completed write or one concurrent with it, and
 *     nothing older than an earlier read returned.
 *
 * README.md tells what is left out.
 */

/* ---- mutations ----------------------------------------------------------- */

/*
 * -DBREAK=NAME leaves out one rule. The search has to find a property violated
 * then; so each of these rules is needed, and the properties do notice.
 */
#define NOTHING			0
#define NO_INDEX		1  /* overlapping writes don't wait */
#define NO_FENCE		2  /* a hello is answered at once */
#define RESEND_ANYWHERE		3  /* what was sent may go to any lane */
#define FREE_AT_ACK		4  /* an unstable ack ends the transaction */
#define IGNORE_BOOT_ID		5  /* no replay at all */
#define BOOT_OF_DEVICE		6  /* an ack counts for the newest boot */
#define REPLAY_TOO_SOON		7  /* replay before other lanes are closed */
#define REPLAY_UNORDERED	8  /* replay of overlapping writes at once */
#define REPLAY_RESUMES		9  /* replay goes on where a crash met it */
#define REPLAY_UNFENCED		10 /* replay while an older one executes */
#define IO_DURING_REPLAY	11 /* replay does not keep other I/O waiting */
#define FUA_NO_PREFLUSH		12 /* older data stays retained beneath */
#define COVER_ONCE		13 /* a flush covers what it did at first */
#define COVER_AT_ACK		14 /* ... what is retained at its ack */
#define FLUSH_OVERTAKES		15 /* a flush does not wait for early writes */
#define SUPERSEDE_PARTLY	16 /* a newer write frees what it overlaps */

#ifndef BREAK
#define BREAK		NOTHING
#endif
#define keeps(rule)	(BREAK != rule)

/* ---- size of the search -------------------------------------------------- */

#ifndef WRITES
#define WRITES		3
#endif
#ifndef DURABLES		/* how many of the writes may be FUA */
#define DURABLES	0
#endif
#ifndef BARRIERS		/* how many of the writes may be PREFLUSH */
#define BARRIERS	0
#endif
#ifndef EARLIES			/* how many of the writes may be ack=ram */
#define EARLIES		0
#endif
#ifndef FLUSHES
#define FLUSHES		0
#endif
#ifndef READS			/* that take time; see also probe() */
#define READS		0
#endif
#ifndef CRASHES
#define CRASHES		1
#endif
#ifndef CUTS
#define CUTS		1
#endif

#define LANES		2
#define SECTORS		2
#define READ		(WRITES + FLUSHES + 1)

/* ---- the client: transactions -------------------------------------------- */

mtype:phase = {
	FREE,		/* not submitted, or never needed again */
	WAITING,	/* blocked, held or queued: no connection has a copy */
	SENT,		/* on its lane's connection */
	ANSWERED,	/* the same, executed, the reply is under way */
	FENCING,	/* was sent on a lane since lost: may be executed */
	RETAINED	/* acked unstable: completed, kept for a replay */
};

/* Sets of writes are masks: bit t is write t. */
#define set_of(t)	(1 << (t))

typedef transaction {
	mtype:phase phase;
	byte sectors;		/* bit s: it touches sector s */
	bool durable;		/* FUA */
	bool preflush;
	bool early;		/* ack=ram: completes at submit */
	bool replay;		/* SENT, ANSWERED: it was acked before */
	byte lane;		/* SENT, ANSWERED, FENCING */
	byte boot;		/* RETAINED: of the server that acked it */
	byte generation;	/* RETAINED: at its ack; SENT: cover */
	byte after;		/* set: waits while one of these is unacked */
	byte promises;		/* set: what is stable when it completes */
};

transaction trans[READ + 1];	/* writes from 1, flushes, a read; not [0] */
byte unacked;			/* set: those in the range index */
byte completed;			/* set: what the application was told */
byte writers[SECTORS];		/* set: submitted, by sector */

/* ---- the client: device and lanes ---------------------------------------- */

mtype:state = { DOWN, WELCOMED, REPLAYING, LIVE };

typedef connection {
	mtype:state state;
	byte boot;		/* of the server, by its welcome; DOWN: 0 */
	byte old_copies;	/* set: on the server, of older connections */
};

connection lane[LANES];
bool online = true;		/* else in replay */
byte device_boot = 1;		/* of the server, as last seen by any lane */
byte generation;		/* of flushes */
byte to_replay;			/* set: RETAINED, but not by this boot */

/* ---- the server ---------------------------------------------------------- */

byte server_boot = 1;
byte cache[SECTORS];		/* what the disk returns to a read */
byte stable[SECTORS];		/* what survives a loss of power */

/* ---- what may still happen, and what the properties have to remember ----- */

byte submitted;
byte flushes_issued;
byte reads_issued;
byte others_open;		/* flushes and reads */
byte durables_left = DURABLES;
byte barriers_left = BARRIERS;
byte earlies_left = EARLIES;
byte crashes_left = CRASHES;
byte cuts_left = CUTS;

byte newest[SECTORS];		/* P1, P4: completed, or seen by a read */
byte expected;			/* the same, when the read was issued */
byte promised[SECTORS];		/* P2: said to be stable */
byte answered[SECTORS];		/* P3: executed and answered in this boot */

hidden byte s;			/* loops over sectors, in d_step alone */
hidden byte o;			/* loops over (other) transactions, likewise */

#define is_write(t)	((t) <= WRITES)
#define is_flush(t)	((t) > WRITES && (t) < READ)
#define touches(t, s)	(trans[t].sectors & (1 << (s)))
#define overlap(t, o)	(trans[t].sectors & trans[o].sectors)
#define covers(t, o)	(!(trans[o].sectors & ~trans[t].sectors))
#define on_lane(t, l)	((trans[t].phase == SENT || \
			  trans[t].phase == ANSWERED) && trans[t].lane == (l))

/* One step; spin wants a d_step to end with something else than a loop. */
#define step(condition, action)	d_step { condition -> action; skip }

/* ---- what the application has been told ---------------------------------- */

inline raise(what, id)
{
	if
	:: what < (id) -> what = id
	:: else
	fi
}

inline complete_write(t)
{
	completed = completed | set_of(t);
	for (s : 0 .. SECTORS - 1) {
		if
		:: touches(t, s) -> raise(newest[s], t)
		:: else
		fi
	}
}

#define check_promise(s)	assert(stable[s] >= promised[s])	/* P2 */

/* A flush, FUA or PREFLUSH has completed. */
inline promise(set)
{
	for (o : 1 .. WRITES) {
		for (s : 0 .. SECTORS - 1) {
			if
			:: (set & set_of(o)) && touches(o, s) ->
				raise(promised[s], o);
				check_promise(s)
			:: else
			fi
		}
	}
}

/* ---- submit -------------------------------------------------------------- */

/* It waits for the earlier writes that it overlaps: its blockers. */
inline find_blockers(t)
{
	for (s : 0 .. SECTORS - 1) {
		if
		:: touches(t, s) -> trans[t].after = trans[t].after | writers[s]
		:: else
		fi
	}
}

/* What flushes has to wait for what ack=ram completed before its time. */
inline flush_completed(t)
{
	trans[t].promises = completed;
	if
	:: keeps(FLUSH_OVERTAKES) -> trans[t].after = completed
	:: else
	fi
}

/*
 * A durable write is not retained. If older data that it overlaps were still
 * retained when it completes, a replay would bring the old data back.
 */
inline decide_preflush(t)
{
	for (o : 1 .. t - 1) {
		if
		:: keeps(FUA_NO_PREFLUSH) && trans[t].durable &&
		   overlap(t, o) && trans[o].phase != FREE ->
			trans[t].preflush = true
		:: else
		fi
	}
}

inline insert_in_index(t)
{
	unacked = unacked | set_of(t);
	for (s : 0 .. SECTORS - 1) {
		if
		:: touches(t, s) -> writers[s] = writers[s] | set_of(t)
		:: else
		fi
	}
}

inline submit_write(t)
{
	printf("write %d submitted: sectors %d%d, FUA %d, PREFLUSH %d, early %d\n",
	       t, touches(t, 0) != 0, touches(t, 1) != 0, trans[t].durable,
	       trans[t].preflush, trans[t].early);
	if
	:: trans[t].preflush -> flush_completed(t)
	:: else
	fi;
	if
	:: keeps(NO_INDEX) -> find_blockers(t)
	:: else
	fi;
	decide_preflush(t);
	if
	:: trans[t].durable -> trans[t].promises = trans[t].promises | set_of(t)
	:: else
	fi;
	insert_in_index(t);
	if
	:: trans[t].early -> complete_write(t)
	:: else
	fi;
	trans[t].phase = WAITING
}

inline submit_flush(t)
{
	printf("flush %d submitted\n", t);
	flush_completed(t);
	others_open++;
	trans[t].phase = WAITING
}

inline submit_read(s)
{
	printf("read of sector %d submitted\n", s);
	trans[READ].sectors = 1 << s;
	expected = newest[s];
	trans[READ].after = writers[s];
	others_open++;
	trans[READ].phase = WAITING
}

/* ---- send ---------------------------------------------------------------- */

/*
 * What is sent into a dead connection waits there for the client to notice. It
 * could as well wait where it is: the search is spared that.
 */
#define up(l)		(lane[l].state == LIVE || lane[l].state == REPLAYING)
#define alive(l)	(up(l) && lane[l].boot == server_boot)
#define may_use(l)	(alive(l) && (online || !keeps(IO_DURING_REPLAY)))
#define may_send(t, l)	(may_use(l) && trans[t].phase == WAITING && \
			 !(trans[t].after & unacked))

/*
 * Taken anew when it is sent again: a replay may have given older data a newer
 * generation since.
 */
inline take_cover(t)
{
	if
	:: (is_flush(t) || trans[t].preflush) &&
	   (keeps(COVER_ONCE) || !trans[t].generation) ->
		generation++;
		trans[t].generation = generation;
		printf("%d covers generations below %d\n", t, generation)
	:: else
	fi
}

inline send(t, l)
{
	printf("%d sent on lane %d\n", t, l);
	take_cover(t);
	trans[t].lane = l;
	trans[t].phase = SENT
}

/* The set shrinks by acks alone, so overlapping writes go one by one. */
#define may_replay(t) \
	(lane[0].state == REPLAYING && alive(0) && \
	 trans[t].phase == RETAINED && (to_replay & set_of(t)) && \
	 (!(trans[t].after & to_replay) || !keeps(REPLAY_UNORDERED)))

inline send_retained(t)
{
	printf("%d sent on lane 0 for replay\n", t);
	trans[t].replay = true;
	trans[t].lane = 0;
	trans[t].phase = SENT
}

/* ---- the server ---------------------------------------------------------- */

#define arrived(t)	(trans[t].phase == SENT && alive(trans[t].lane))

/*
 * The disk writes its cache back when it likes. It matters only before the
 * content of the cache is replaced or lost.
 */
inline may_write_back(s)
{
	if
	:: true
	:: stable[s] != cache[s] ->
		printf("the disk writes sector %d back: %d\n", s, cache[s]);
		stable[s] = cache[s];
		check_promise(s)
	fi
}

inline before_write(t, s)
{
	if
	:: touches(t, s) -> may_write_back(s)
	:: else
	fi
}

inline execute_flush()
{
	for (s : 0 .. SECTORS - 1) {
		stable[s] = cache[s];
		check_promise(s)
	}
}

inline execute_write(t)
{
	if
	:: trans[t].preflush -> execute_flush()
	:: else
	fi;
	for (s : 0 .. SECTORS - 1) {
		if
		:: touches(t, s) ->
			assert(t >= answered[s]);		/* P3 */
			cache[s] = t;
			if
			:: trans[t].durable -> stable[s] = t
			:: else
			fi;
			check_promise(s)
		:: else
		fi
	}
}

inline answer(t)
{
	printf("%d executed and answered\n", t);
	for (s : 0 .. SECTORS - 1) {
		if
		:: is_write(t) && touches(t, s) -> answered[s] = t
		:: else
		fi
	}
	trans[t].phase = ANSWERED
}

inline execute_old_copy(t, l)
{
	printf("old copy of %d, of lane %d, executed\n", t, l);
	execute_write(t);
	lane[l].old_copies = lane[l].old_copies & ~set_of(t)
}

/*
 * The value is known here. So nothing is overlooked if the reply arrives in the
 * same step: that replies get lost is a matter of writes and flushes.
 */
inline execute_read()
{
	for (s : 0 .. SECTORS - 1) {
		if
		:: touches(READ, s) ->
			printf("read returns %d\n", cache[s]);
			assert(cache[s] >= expected);		/* P1, P4 */
			raise(newest[s], cache[s])
		:: else
		fi
	}
	expected = 0;
	trans[READ].sectors = 0;
	forget(READ);
	others_open--
}

/* Connections die with the server, which the client learns by and by. */
inline crash()
{
	printf("the server loses its power\n");
	crashes_left--;
	server_boot++;
	for (s : 0 .. SECTORS - 1) {
		cache[s] = stable[s];
		answered[s] = promised[s]
	}
	for (o : 0 .. LANES - 1) {
		lane[o].old_copies = 0
	}
}

/* ---- the client receives a reply ----------------------------------------- */

inline forget(t)
{
	trans[t].phase = FREE;
	trans[t].replay = false;
	trans[t].lane = 0;
	trans[t].boot = 0;
	trans[t].generation = 0;
	trans[t].after = 0;
	trans[t].promises = 0
}

/* A flush has been executed that was sent as generation @cover. */
inline commit_below(cover)
{
	for (o : 1 .. WRITES) {
		if
		:: trans[o].phase == RETAINED &&
		   (trans[o].generation < cover || !keeps(COVER_AT_ACK)) ->
			printf("%d committed\n", o);
			forget(o)
		:: else
		fi
	}
}

inline supersede(t)
{
	for (o : 1 .. t - 1) {
		if
		:: trans[o].phase == RETAINED &&
		   (covers(t, o) ||
		    !keeps(SUPERSEDE_PARTLY) && overlap(t, o)) ->
			forget(o)
		:: else
		fi
	}
}

/* Count from 0 again when no cover is out: fewer states, the same order. */
inline settle_generations()
{
	o = 1;
	do
	:: o < READ && (trans[o].phase == RETAINED || !trans[o].generation) ->
		o++
	:: else -> break
	od;
	if
	:: o == READ ->
		generation = 0;
		for (o : 1 .. WRITES) {
			trans[o].generation = 0
		}
	:: else
	fi
}

/*
 * The boot is that of the lane. While this reply was on its way, another lane
 * may have told the device of a newer one.
 */
inline retain(t)
{
	trans[t].phase = RETAINED;
	if
	:: keeps(BOOT_OF_DEVICE) ->
		trans[t].boot = lane[trans[t].lane].boot
	:: else -> trans[t].boot = device_boot
	fi;
	trans[t].generation = generation;
	trans[t].preflush = false;
	trans[t].replay = false;
	trans[t].promises = 0;
	trans[t].lane = 0;
	printf("%d retained: boot %d, generation %d\n", t, trans[t].boot,
	       trans[t].generation)
}

inline ack_write(t)
{
	printf("%d acked\n", t);
	unacked = unacked & ~set_of(t);
	to_replay = to_replay & ~set_of(t);
	if
	:: trans[t].preflush -> commit_below(trans[t].generation)
	:: else
	fi;
	supersede(t);
	if
	:: !(completed & set_of(t)) -> complete_write(t)
	:: else
	fi;
	promise(trans[t].promises);
	if
	:: trans[t].durable || !keeps(FREE_AT_ACK) -> forget(t)
	:: else -> retain(t)
	fi;
	settle_generations()
}

inline ack_flush(t)
{
	printf("%d acked\n", t);
	commit_below(trans[t].generation);
	promise(trans[t].promises);
	forget(t);
	others_open--;
	settle_generations()
}

/* ---- lanes --------------------------------------------------------------- */

inline leave_old_copy(t, l)
{
	if
	:: is_write(t) && arrived(t) ->
		lane[l].old_copies = lane[l].old_copies | set_of(t)
	:: else
	fi
}

/* What modifies waits for the fence of its lane, the rest may go elsewhere. */
inline reclaim(t)
{
	if
	:: trans[t].replay -> trans[t].phase = RETAINED
	:: !trans[t].replay && is_write(t) && keeps(RESEND_ANYWHERE) ->
		trans[t].phase = FENCING
	:: else -> trans[t].phase = WAITING
	fi;
	if
	:: trans[t].phase == FENCING
	:: else -> trans[t].lane = 0
	fi;
	if
	:: !trans[t].replay && keeps(COVER_ONCE) -> trans[t].generation = 0
	:: else
	fi;
	trans[t].replay = false
}

inline hang_up(l)
{
	lane[l].boot = 0;
	lane[l].state = DOWN
}

inline tear_down(l)
{
	printf("lane %d lost\n", l);
	for (o : 1 .. READ) {
		if
		:: on_lane(o, l) ->
			leave_old_copy(o, l);
			reclaim(o)
		:: else
		fi
	}
	hang_up(l);
	settle_generations()
}

inline cut(l)
{
	cuts_left--;
	tear_down(l)
}

/*
 * Before the server answers a hello, it has executed or dropped all that came
 * on the lane's older connections.
 */
inline welcome(l)
{
	printf("lane %d welcomed by boot %d\n", l, server_boot);
	if
	:: keeps(NO_FENCE) && (online || keeps(REPLAY_UNFENCED)) ->
		lane[l].old_copies = 0
	:: else
	fi;
	lane[l].boot = server_boot;
	lane[l].state = WELCOMED
}

inline go_live(l)
{
	printf("lane %d live\n", l);
	for (o : 1 .. WRITES) {
		if
		:: trans[o].phase == FENCING && trans[o].lane == l ->
			trans[o].lane = 0;
			trans[o].phase = WAITING
		:: else
		fi
	}
	lane[l].state = LIVE
}

/*
 * The welcome may have waited to be read while there was yet another boot: what
 * is to be replayed is not known before lane 0 comes up.
 */
inline need_replay(l)
{
	printf("lane %d sees another boot than %d\n", l, device_boot);
	device_boot = lane[l].boot;
	hang_up(l);
	online = false
}

/* With what an earlier boot acked, so all of it if there was another crash. */
inline begin_replay()
{
	printf("replay begins\n");
	if
	:: keeps(REPLAY_RESUMES) || !to_replay ->
		to_replay = 0;
		for (o : 1 .. WRITES) {
			if
			:: trans[o].phase == RETAINED &&
			   trans[o].boot != lane[0].boot ->
				to_replay = to_replay | set_of(o)
			:: else
			fi
		}
	:: else
	fi;
	device_boot = lane[0].boot;
	lane[0].state = REPLAYING
}

inline end_replay()
{
	printf("replay done\n");
	online = true;
	go_live(0)
}

#define boot_fits(l)	(lane[l].boot == device_boot || !keeps(IGNORE_BOOT_ID))

/* Dead with the server, or failed since the device is in replay. */
#define is_lost(l)	(up(l) && (lane[l].boot != server_boot || \
				   !online && lane[l].state == LIVE))

/*
 * An ack of the old boot that came later than this would add to the retained
 * what nobody replays.
 */
#define others_closed	(lane[1].state != LIVE || !keeps(REPLAY_TOO_SOON))

/* ---- processes ----------------------------------------------------------- */

/* Submits writes 1 to WRITES in this order, flushes and reads at any time. */
proctype application()
{
	byte t;

	do
	:: atomic {
		submitted < WRITES ->
			submitted++;
			t = submitted;
			if
			:: trans[t].sectors = 1
			:: t > 1 -> trans[t].sectors = 2	/* symmetry */
			:: trans[t].sectors = 3
			fi;
			if
			:: true
			:: durables_left ->
				durables_left--;
				trans[t].durable = true
			:: earlies_left ->
				earlies_left--;
				trans[t].early = true
			fi;
			if
			:: true
			:: barriers_left && !trans[t].early ->
				barriers_left--;
				trans[t].preflush = true
			fi;
			step(true, submit_write(t));
			t = 0
	   }
	:: step(flushes_issued < FLUSHES,
		flushes_issued++;
		submit_flush(WRITES + flushes_issued))
	:: atomic {
		reads_issued < READS && trans[READ].phase == FREE ->
			reads_issued++;
			if
			:: step(true, submit_read(0))
			:: step(true, submit_read(1))
			fi
	   }
	:: submitted == WRITES && flushes_issued == FLUSHES &&
	   reads_issued == READS && !unacked && !others_open ->
		break
	od;
#ifdef WITNESS
	/* Not a property: shows that one can get here, whatever happens. */
	atomic {
		!crashes_left && !cuts_left && online -> assert(false)
	}
#endif
}

/* A transaction on the client... */
proctype transaction_of(byte t)
{
end:	do
	:: step(may_send(t, 0), send(t, 0))
	:: step(may_send(t, 1), send(t, 1))
	:: step(is_write(t) && may_replay(t), send_retained(t))
	:: step(is_write(t) && trans[t].phase == ANSWERED, ack_write(t))
	:: step(is_flush(t) && trans[t].phase == ANSWERED, ack_flush(t))
	od
}

/* ...and on the server. */
proctype request_of(byte t)
{
end:	do
	:: atomic {
		is_write(t) && arrived(t) ->
			before_write(t, 0);
			before_write(t, 1);
			step(true, execute_write(t); answer(t))
	   }
	:: step(is_flush(t) && arrived(t), execute_flush(); answer(t))
	:: step(t == READ && arrived(t), execute_read())
	od
}

/* The server may be slow with what came on a connection that is gone. */
proctype old_copy_of(byte t; byte l)
{
end:	do
	:: atomic {
		lane[l].old_copies & set_of(t) ->
			before_write(t, 0);
			before_write(t, 1);
			step(true, execute_old_copy(t, l))
	   }
	od
}

/*
 * What a welcome says may be old when the client reads it. In a replay, lane 0
 * alone may come up.
 */
proctype lane_worker(byte l)
{
end:	do
	:: step(lane[l].state == DOWN && (online || l == 0), welcome(l))
	:: step(lane[l].state == WELCOMED && online && boot_fits(l), go_live(l))
	:: step(lane[l].state == WELCOMED && online && !boot_fits(l),
		need_replay(l))
	:: step(lane[l].state == WELCOMED && !online && l != 0, hang_up(l))
	:: step(lane[l].state == WELCOMED && !online && l == 0 && others_closed,
		begin_replay())
	:: step(lane[l].state == REPLAYING && !to_replay, end_replay())
	:: step(is_lost(l), tear_down(l))
	:: step(up(l) && !is_lost(l) && cuts_left, cut(l))
	od
}

proctype power()
{
end:	do
	:: atomic {
		crashes_left ->
			may_write_back(0);
			may_write_back(1);
			step(true, crash())
	   }
	od
}

/* A read that is submitted, sent and executed in one moment; it may be any. */
#define readable(s)	((may_use(0) || may_use(1)) && !(writers[s] & unacked))
#define is_old(s)	(readable(s) && cache[s] < newest[s])

proctype probe()
{
end:	do
	/* P1, P4 */
	:: d_step { is_old(0) -> assert(cache[0] >= newest[0]) }
	:: d_step { is_old(1) -> assert(cache[1] >= newest[1]) }
	od
}

init {
	byte i;

	atomic {
		for (i : 1 .. READ) {
			trans[i].phase = FREE;
			run transaction_of(i);
			run request_of(i)
		}
		for (i : 0 .. LANES - 1) {
			lane[i].boot = server_boot;
			lane[i].state = LIVE;
			run lane_worker(i)
		}
		for (i : 1 .. WRITES) {
			run old_copy_of(i, 0);
			run old_copy_of(i, 1)
		}
		i = 0;
		run power();
		run probe();
		run application()
	}
}
