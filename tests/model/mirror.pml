// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a leg may be read: one mirror, its legs and a witness, the client that
 * owns it, and perhaps another one that takes it over.
 *
 *   application --> client --> leg 0: data in cache, stable; superblock; bitmap
 *                   (RAM)  --> leg 1: the same
 *                          --> witness: superblock
 *
 * A leg that does not answer is one that takes no steps: so nothing says who is
 * up or reachable. Each process below may take any of its steps whenever that
 * step's condition holds; spin tries all orders. A region has one block. The
 * number of a write is also the content that it writes: 2 is newer than 1, and
 * 0 is what was there at the beginning.
 *
 * P1  A completed write is never lost, but where both the client and the cache
 *     of a leg that should have it are. What was read once counts as completed.
 * P2  What was flushed is never lost.
 * P7  A leg is never read while it might be stale: a read returns the newest
 *     completed write or one under way, and nothing older than an earlier read.
 *     After a crash of the client, too, the first read decides.
 *
 * And where no write-intent bit is set, all legs are equal; and a leg that
 * returns has never seen what the client that owns the mirror does not know.
 *
 * What the lanes do (resend, replay, the fence) is in dst.pml; here each is one
 * step. README.md tells what is left out, Documentation/mirror.md the rules.
 */

/* ---- mutations ----------------------------------------------------------- */

/* -DBREAK=NAME leaves out one rule. */
#define NOTHING			0
#define NO_INTENT		1  /* writes set no bits */
#define STALE_UNRECORDED	2  /* writes complete before the record */
#define COPY_UNRECORDED		3  /* ... what was copied is read before */
#define EVENTS_SAME		4  /* a new record has the old events */
#define ASSEMBLE_ANY		5  /* any leg that says it is in-sync */
#define STALE_COUNTED		6  /* any leg that is there is in-sync */
#define READ_UNSETTLED		7  /* after a crash, reads from any leg */
#define START_UNFLUSHED		8  /* ... with what nobody retains in caches */
#define START_NO_BITMAP		9  /* ... with bits on some legs only */
#define OUT_STILL_READ		10 /* ... a leg that is out is read */
#define LAST_LEG_OUT		11 /* the only leg in-sync can be out */
#define RETURN_UNFENCED		12 /* old writes are executed after a return */
#define RETURN_NO_BITMAP	13 /* the leg gets only later bits */
#define RETURN_BITS_UNREAD	14 /* bits that it alone has are forgotten */
#define COPY_UNLOCKED		15 /* a region is copied while written to */
#define INSYNC_EARLY		16 /* in-sync before all regions are copied */
#define INSYNC_UNFLUSHED	17 /* ... before the copies are stable */
#define INSYNC_UNRECORDED	18 /* ... before the record is stable */
#define JOIN_FIRST		19 /* ... on that leg first */
#define CLEAR_UNCOMMITTED	20 /* bits cleared before all is committed */
#define CLEAR_DEGRADED		21 /* bits cleared though a leg is out */
#define NO_QUORUM		22 /* a record need not be on a majority */
#define QUORUM_OR_ALL		23 /* all legs in-sync will do, too */
#define WITNESS_UNREAD		24 /* its voice counts, its record does not */
#define HALF_IS_ENOUGH		25 /* no majority */
#define NO_TERM			26 /* an assembly is an event like others */
#define TERM_WITH_CHANGE	27 /* its first record changes something */
#define READ_UNFENCED		28 /* superblocks read before all are fenced */
#define RETURN_PREEMPTS		29 /* a leg is taken back from anyone */
#define NO_LEASE		30 /* no wait for the owner before */
#define WAIT_FOR_INSYNC		31 /* ... unless a leg in-sync is absent */
#define SETTLE_UNSTABLE		32 /* a settled region is not yet stable */

#ifndef BREAK
#define BREAK		NOTHING
#endif
#define keeps(rule)	(BREAK != rule)

/* ---- size of the search -------------------------------------------------- */

#ifndef LEGS
#define LEGS		2
#endif
#ifndef WITNESSES
#define WITNESSES	0
#endif
#ifndef QUORUM			/* the mirror's policy, in its superblocks */
#define QUORUM		0
#endif
#ifndef CLIENTS
#define CLIENTS		1
#endif
#ifndef REGIONS
#define REGIONS		1
#endif
#ifndef VOLATILE		/* legs have a cache that they can lose */
#define VOLATILE	0
#endif
#ifndef WRITES
#define WRITES		2
#endif
#ifndef OUTS			/* how often a leg is declared out */
#define OUTS		1
#endif
#ifndef CRASHES			/* of clients */
#define CRASHES		1
#endif
#ifndef POWERS			/* losses of power of legs */
#define POWERS		0
#endif

#define MEMBERS		(LEGS + WITNESSES)

/* Sets are masks: bit m is member m, bit r is region r. */
#define set_of(i)	(1 << (i))
#define ALL_LEGS	(set_of(LEGS) - 1)
#define ALL_REGIONS	(set_of(REGIONS) - 1)

/* ---- a member: a leg, or a witness, which has a superblock only ---------- */

typedef member {
	byte cache[REGIONS];	/* what a read returns */
	byte stable[REGIONS];	/* what survives a loss of power */
	byte bits;		/* set of regions: write-intent */
	byte events;		/* superblock: high half is the assembly's */
	byte record;		/* superblock: set of legs that are in-sync */
	byte owner;		/* client whose requests are executed */
	bool claimed;		/* by the owner, which wrote no record yet */
	byte old[REGIONS];	/* 1 + content: of connections that are gone */
	byte lost[REGIONS];	/* 1 + content: what the client will replay */
};

member disk[MEMBERS];

/* ---- a client: all of it is lost in a crash ------------------------------ */

mtype:state = {
	OFF,
	TAKING,		/* fences other clients out, reads superblocks */
	STARTING,	/* knows which legs are in-sync: makes that known */
	RUNNING,
	FAILED		/* fenced out */
};

typedef initiator {
	mtype:state state;
	byte reach;		/* set of members: with a session */
	byte live;		/* set of legs: writes go there */
	byte insync;		/* set of legs: may be read; else resyncing */
	byte joining;		/* set of legs: all copied, record under way */
	byte events;		/* of the newest record... */
	byte record;		/* ...what it says... */
	bool pending;		/* ...and it is not yet where it has to be */
	byte written;		/* pending: set of members that acked it */
	bool first;		/* it is the first one of this assembly */
	bool absent;		/* some leg was not there */
	byte prepared;		/* STARTING: set of legs */
	byte dirty;		/* set of regions: bit is on all live legs */
	byte behind[LEGS];	/* set of regions: to be copied to the leg */
	byte retained[LEGS];	/* set of regions: acked, not stable */
	byte writing;		/* set of regions */
	byte value[REGIONS];	/* what is written... */
	byte acked[REGIONS];	/* ...set of legs: have it, or don't count */
	byte copying;		/* set of regions */
	byte copy[REGIONS];	/* what is copied... */
	byte copied[REGIONS]	/* ...likewise */
};

initiator client[CLIENTS];

/* ---- what may still happen, and what the properties have to remember ----- */

byte issued;			/* number of the last write */
byte outs_left = OUTS;
byte crashes_left = CRASHES;
byte powers_left = POWERS;

byte newest[REGIONS];		/* completed, or seen by a read */
byte latest[REGIONS];		/* more than that nobody may see */
byte promised[REGIONS];		/* said to be stable */
byte trusted = ALL_LEGS;	/* set of legs: in-sync as last recorded */

hidden byte i;			/* loops over regions, in d_step alone */
hidden byte k;			/* loops over legs, likewise */

/* One step; spin wants a d_step to end with something else than a loop. */
#define step(condition, action)	d_step { condition -> action; skip }

#if LEGS > 2
#define third(expression)	expression
#else
#define third(expression)
#endif
#if MEMBERS > 2
#define member_2(expression)	expression
#else
#define member_2(expression)
#endif
#if MEMBERS > 3
#define member_3(expression)	expression
#else
#define member_3(expression)
#endif
#if REGIONS > 1
#define second_region(expression) expression
#else
#define second_region(expression)
#endif

#define is_leg(m)	((m) < LEGS)
#define in(set, x)	(((set) & set_of(x)) != 0)
#define is_on(c)	(client[c].state == STARTING || \
			 client[c].state == RUNNING)
#define runs(c)		(client[c].state == RUNNING)
#define obeys(m, c)	(disk[m].owner == (c))

#define has_lost(l)	(disk[l].lost[0] second_region(|| disk[l].lost[1]))

/* After a reboot of the leg nothing else goes on before the replay. */
#define uses(c, l)	(runs(c) && in(client[c].live, l) && obeys(l, c) && \
			 !has_lost(l))

/* ---- where a region is the same ------------------------------------------ */

#define is_behind(c, l, r)	in(client[c].behind[l], r)
#define lags(c, l, r)		(in(client[c].insync, l) && is_behind(c, l, r))

/*
 * Legs that are in-sync may differ where a write was under way when the client
 * crashed. Before that is settled nothing may be seen of it.
 */
#define is_settled(c, r) \
	(!(lags(c, 0, r) || lags(c, 1, r) third(|| lags(c, 2, r))) || \
	 !keeps(READ_UNSETTLED))
#define is_even(c, r) \
	(!(is_behind(c, 0, r) || is_behind(c, 1, r) \
	   third(|| is_behind(c, 2, r))))

/* What a leg has not committed is retained for it. */
#define is_committed(c, r) \
	(!in(client[c].retained[0] | client[c].retained[1] \
	     third(| client[c].retained[2]), r))

/* ---- what the application has been told ---------------------------------- */

inline raise(what, content)
{
	if
	:: what < (content) -> what = content
	:: else
	fi
}

#define owns_if_live(c, l)	(!in(client[c].live, l) || obeys(l, c))
#define owns_live(c) \
	(owns_if_live(c, 0) && owns_if_live(c, 1) third(&& owns_if_live(c, 2)))

/*
 * All that a flush says, and as soon as it could: what is done and nowhere
 * retained is stable on all live legs.
 */
inline promise(c)
{
	for (i : 0 .. REGIONS - 1) {
		if
		:: is_committed(c, i) && is_settled(c, i) &&
		   !client[c].pending && owns_live(c) ->
			raise(promised[i], newest[i])
		:: else
		fi
	}
}

/* A power cut of client and leg: what was flushed is there. */
inline excuse(r)
{
	newest[r] = promised[r]
}

/* ---- superblocks --------------------------------------------------------- */

#define ASSEMBLY	16	/* events go up to the next multiple of this */

#define holds(c, m)	in(client[c].written, m)
#define holds_if(c, set, l) (!in(set, l) || holds(c, l))
#define all_hold(c, set) \
	(holds_if(c, set, 0) && holds_if(c, set, 1) \
	 third(&& holds_if(c, set, 2)))
#define votes(c)	(holds(c, 0) + holds(c, 1) \
			 member_2(+ holds(c, 2)) member_3(+ holds(c, 3)))
#define is_majority(n)	(2 * (n) > MEMBERS || \
			 (!keeps(HALF_IS_ENOUGH) && 2 * (n) >= MEMBERS))

/*
 * A record counts when it is on all legs that are in-sync, those that now
 * become so included, and, by policy, on a majority of all members. The first
 * one of an assembly repeats the old one, so it need not be on all legs.
 */
#define may_settle_record(c) \
	(is_on(c) && client[c].pending && \
	 (!QUORUM || !keeps(NO_QUORUM) || is_majority(votes(c))) && \
	 (QUORUM && client[c].first || \
	  all_hold(c, client[c].insync | client[c].joining)))

inline new_record(c)
{
	if
	:: keeps(EVENTS_SAME) -> client[c].events++
	:: else
	fi;
	client[c].record = client[c].insync | client[c].joining;
	client[c].pending = true;
	client[c].written = 0;
	printf("client %d: events %d: in-sync are legs %d\n", c,
	       client[c].events, client[c].record)
}

inline settle_record(c)
{
	printf("client %d: events %d is where it has to be\n", c,
	       client[c].events);
	client[c].pending = false;
	client[c].written = 0;
	client[c].first = false;
	client[c].insync = client[c].insync | client[c].joining;
	client[c].joining = 0;
	if
	:: client[c].record != client[c].insync -> new_record(c)
	:: else ->
		trusted = client[c].insync;
		for (k : 0 .. LEGS - 1) {
			for (i : 0 .. REGIONS - 1) {
				if
				:: !in(client[c].live, k) -> disk[k].lost[i] = 0
				:: else
				fi
			}
		}
		promise(c)
	fi
}

/*
 * A leg that was not in-sync learns last that it is: so whoever sees that, sees
 * it on all others, too.
 */
#define may_write_record(c, m) \
	(is_on(c) && client[c].pending && in(client[c].reach, m) && \
	 obeys(m, c) && !holds(c, m) && \
	 (!is_leg(m) || in(client[c].insync, m) || !keeps(JOIN_FIRST) || \
	  all_hold(c, client[c].insync)))

inline write_record(c, m)
{
	printf("client %d: events %d on %d\n", c, client[c].events, m);
	disk[m].events = client[c].events;
	disk[m].record = client[c].record;
	client[c].written = client[c].written | set_of(m);
	disk[m].claimed = false
}

/* ---- assembly ------------------------------------------------------------ */

/*
 * Before a member answers, it has executed or dropped what older connections
 * left behind. What the client before has not replayed is lost with it.
 */
inline take(c, m)
{
	printf("client %d takes %d\n", c, m);
	for (i : 0 .. REGIONS - 1) {
		if
		:: disk[m].lost[i] && !obeys(m, c) && in(trusted, m) ->
			excuse(i)
		:: else
		fi;
		if
		:: obeys(m, c) && in(trusted, m)	/* not recorded */
		:: else -> disk[m].lost[i] = 0
		fi;
		if
		:: keeps(RETURN_UNFENCED) -> disk[m].old[i] = 0
		:: else
		fi
	}
	disk[m].owner = c;
	disk[m].claimed = CLIENTS > 1;
	client[c].reach = client[c].reach | set_of(m)
}

#define older_or_absent(c, n, m) \
	(!in(client[c].reach, n) || !is_leg(n) && !keeps(WITNESS_UNREAD) || \
	 disk[n].events <= disk[m].events)
#define is_newest(c, m) \
	(in(client[c].reach, m) && (is_leg(m) || keeps(WITNESS_UNREAD)) && \
	 older_or_absent(c, 0, m) && older_or_absent(c, 1, m) \
	 member_2(&& older_or_absent(c, 2, m)) \
	 member_3(&& older_or_absent(c, 3, m)))
#define count(set)	(in(set, 0) + in(set, 1) + in(set, 2) + in(set, 3))

#define all_there(c, record)	(!((record) & ~client[c].reach))
#define some_there(c, record)	((record) & client[c].reach)
#define enough_there(c, record) \
	(some_there(c, record) && \
	 (QUORUM && is_majority(count(client[c].reach)) || \
	  !QUORUM && all_there(c, record) || \
	  !keeps(QUORUM_OR_ALL) && all_there(c, record) || \
	  !keeps(ASSEMBLE_ANY)))

/* All have been fenced before the first is read; for it is still so now. */
#if CLIENTS > 1
#define owns_reach(c) \
	(!disobeys(c, 0) && !disobeys(c, 1) \
	 member_2(&& !disobeys(c, 2)) member_3(&& !disobeys(c, 3)))
#else
#define owns_reach(c)	true
#endif
#define may_assemble(c, m) \
	(client[c].state == TAKING && is_newest(c, m) && \
	 (owns_reach(c) || !keeps(READ_UNFENCED)) && \
	 enough_there(c, disk[m].record))

inline assemble(c, m)
{
	client[c].insync = client[c].reach & disk[m].record;
	if
	:: keeps(WAIT_FOR_INSYNC) ->
		client[c].absent = QUORUM &&
				   (ALL_LEGS & ~client[c].reach) != 0
	:: else -> client[c].absent = client[c].insync != disk[m].record
	fi;
	if
	:: keeps(STALE_COUNTED)
	:: else -> client[c].insync = client[c].reach & ALL_LEGS
	fi;
	client[c].live = client[c].insync;
	client[c].record = disk[m].record;
	client[c].pending = true;
	client[c].first = true;
	if
	:: keeps(NO_TERM) ->
		client[c].events =
			(disk[m].events / ASSEMBLY + 1) * ASSEMBLY
	:: else -> client[c].events = disk[m].events + 1
	fi;
	if
	:: keeps(TERM_WITH_CHANGE)
	:: else ->
		client[c].first = false;
		client[c].record = client[c].insync
	fi;
	for (k : 0 .. LEGS - 1) {
		if
		:: in(client[c].live, k) ->
			client[c].dirty = client[c].dirty | disk[k].bits
		:: else
		fi
	}
	for (k : 0 .. LEGS - 1) {
		if
		:: in(client[c].live, k) ->
			client[c].behind[k] = client[c].dirty
		:: else
		fi
	}
	printf("client %d assembles: legs %d of %d, events %d, dirty %d\n", c,
	       client[c].insync, client[c].record, client[c].events,
	       client[c].dirty);
	client[c].state = STARTING
}

#define may_prepare(c, l) \
	(client[c].state == STARTING && in(client[c].live, l) && \
	 obeys(l, c) && !in(client[c].prepared, l))

/*
 * Nobody retains what the client before it did: flush it. A region that is
 * dirty here is so on all legs.
 */
inline prepare(c, l)
{
	printf("client %d: leg %d prepared\n", c, l);
	for (i : 0 .. REGIONS - 1) {
		if
		:: keeps(START_UNFLUSHED) ->
			disk[l].stable[i] = disk[l].cache[i]
		:: else
		fi
	}
	if
	:: keeps(START_NO_BITMAP) -> disk[l].bits = client[c].dirty
	:: else
	fi;
	client[c].prepared = client[c].prepared | set_of(l)
}

/*
 * Who could not fence all legs waits until the owner before must have noticed
 * that it has lost the majority. That the last record does not name a leg says
 * nothing: it may have come to nothing, by one who died before he had waited.
 */
#if CLIENTS > 1
#define others_off(c)	(!is_on(1 - (c)))
#else
#define others_off(c)	true
#endif
#define may_run(c) \
	(client[c].state == STARTING && !client[c].pending && \
	 !(client[c].live & ~client[c].prepared) && \
	 (!client[c].absent || others_off(c) || !keeps(NO_LEASE)))

inline start(c)
{
	printf("client %d runs\n", c);
	client[c].prepared = 0;
	client[c].absent = false;
	client[c].state = RUNNING
}

/* ---- a leg goes... ------------------------------------------------------- */

/* What was sent may still be executed, until the next session's fence. */
inline leave_old_copies(c, l)
{
	for (i : 0 .. REGIONS - 1) {
		if
		:: !obeys(l, c) || !in(client[c].live, l)
		:: else ->
			if
			:: in(client[c].writing, i) &&
			   !in(client[c].acked[i], l) ->
				disk[l].old[i] = 1 + client[c].value[i]
			:: else ->
				if
				:: in(client[c].copying, i) &&
				   !in(client[c].copied[i], l) ->
					disk[l].old[i] = 1 + client[c].copy[i]
				:: else
				fi
			fi
		fi
	}
}

/* The last leg that is in-sync is waited for. */
#define may_go(c, l) \
	(outs_left && is_on(c) && !client[c].first && \
	 in(client[c].live, l) && \
	 (client[c].insync != set_of(l) || \
	  !keeps(LAST_LEG_OUT) && client[c].live != set_of(l)))

inline declare_out(c, l)
{
	printf("client %d: leg %d is out\n", c, l);
	outs_left--;
	leave_old_copies(c, l);
	client[c].live = client[c].live & ~set_of(l);
	client[c].reach = client[c].reach & ~set_of(l);
	client[c].prepared = client[c].prepared & ~set_of(l);
	client[c].retained[l] = 0;
	client[c].behind[l] = 0;
	for (i : 0 .. REGIONS - 1) {
		if
		:: in(client[c].writing, i) ->
			client[c].acked[i] = client[c].acked[i] | set_of(l)
		:: else
		fi;
		if
		:: in(client[c].copying, i) ->
			client[c].copied[i] = client[c].copied[i] | set_of(l)
		:: else
		fi
	}
	if
	:: in(client[c].insync | client[c].joining, l) ->
		client[c].insync = client[c].insync & ~set_of(l);
		client[c].joining = client[c].joining & ~set_of(l);
		if
		:: !client[c].insync -> client[c].insync = client[c].live
		:: else
		fi;
		new_record(c)
	:: else
	fi
}

/* ---- ...returns... ------------------------------------------------------- */

/*
 * It may still be held by an owner of earlier times, and is taken from that:
 * the superblock tells. It is not taken from one that has yet to write its own.
 */
#define may_take_back(c, m) \
	(is_on(c) && !in(client[c].reach, m) && \
	 (obeys(m, c) || !keeps(RETURN_PREEMPTS) || \
	  !disk[m].claimed && \
	  disk[m].events / ASSEMBLY < client[c].events / ASSEMBLY))

inline take_back(c, m)
{
	assert(disk[m].events <= client[c].events);	/* none is newer */
	take(c, m)
}

/*
 * It may have bits that no other leg has: of a client that had declared all
 * others out, and whose record came to nothing. All live legs get them first.
 * And copies under way know where they go.
 */
#define own_bits(l)	(keeps(RETURN_BITS_UNREAD) -> disk[l].bits : 0)
#define is_returning(c, l) \
	(runs(c) && in(client[c].reach, l) && obeys(l, c) && \
	 !in(client[c].live, l))
#define may_return(c, l) \
	(is_returning(c, l) && !client[c].copying && !client[c].pending && \
	 !(own_bits(l) & ~client[c].dirty))

/* A write under way was not sent there; its region is dirty. */
inline return_leg(c, l)
{
	printf("client %d: leg %d returns\n", c, l);
	client[c].live = client[c].live | set_of(l);
	client[c].behind[l] = client[c].dirty;
	if
	:: keeps(RETURN_NO_BITMAP) -> disk[l].bits = client[c].dirty
	:: else
	fi;
	for (i : 0 .. REGIONS - 1) {
		if
		:: in(client[c].writing, i) ->
			client[c].acked[i] = client[c].acked[i] | set_of(l)
		:: else
		fi
	}
}

/* ---- ...and is in-sync again --------------------------------------------- */

#define may_join(c, l) \
	(uses(c, l) && !client[c].first && \
	 !in(client[c].insync | client[c].joining, l) && \
	 (!client[c].behind[l] || !keeps(INSYNC_EARLY)) && \
	 (!client[c].retained[l] || !keeps(INSYNC_UNFLUSHED)) && \
	 !client[c].copying)

inline join(c, l)
{
	printf("client %d: leg %d has all\n", c, l);
	if
	:: keeps(INSYNC_UNRECORDED) ->
		client[c].joining = client[c].joining | set_of(l)
	:: else -> client[c].insync = client[c].insync | set_of(l)
	fi;
	if
	:: keeps(INSYNC_EARLY)
	:: else -> client[c].behind[l] = 0
	fi;
	new_record(c)
}

/* ---- copies: resync, and after a crash of the client --------------------- */

#define may_begin_copy(c, r, l) \
	(uses(c, l) && in(client[c].insync, l) && !is_even(c, r) && \
	 !in(client[c].copying, r) && \
	 (!in(client[c].writing, r) || !keeps(COPY_UNLOCKED)))

inline begin_copy(c, r, l)
{
	client[c].copying = client[c].copying | set_of(r);
	client[c].copy[r] = disk[l].cache[r];
	client[c].copied[r] = ALL_LEGS & ~client[c].live | set_of(l);
	for (k : 0 .. LEGS - 1) {
		if
		:: !is_behind(c, k, r) ->
			client[c].copied[r] = client[c].copied[r] | set_of(k)
		:: else
		fi
	}
	printf("client %d: region %d of leg %d is %d, to be copied\n", c, r, l,
	       client[c].copy[r])
}

#define may_copy(c, r, l) \
	(uses(c, l) && in(client[c].copying, r) && !in(client[c].copied[r], l))

/*
 * What is settled stays so: the copy is stable before the region is read. Else
 * a power cut brings back what the copy replaced.
 */
inline copy_to(c, r, l)
{
	printf("client %d: %d copied to region %d of leg %d\n", c,
	       client[c].copy[r], r, l);
	execute(l, r, client[c].copy[r]);
	if
	:: !is_settled(c, r) && keeps(SETTLE_UNSTABLE) ->
		disk[l].stable[r] = client[c].copy[r]
	:: else -> retain(c, l, r)
	fi;
	client[c].copied[r] = client[c].copied[r] | set_of(l)
}

/* As with a write: what a leg was left out of is recorded before it is seen. */
#define may_end_copy(c, r) \
	(runs(c) && in(client[c].copying, r) && \
	 client[c].copied[r] == ALL_LEGS && \
	 (!client[c].pending || !keeps(COPY_UNRECORDED)))

inline end_copy(c, r)
{
	printf("client %d: region %d copied\n", c, r);
	client[c].copying = client[c].copying & ~set_of(r);
	client[c].copy[r] = 0;
	client[c].copied[r] = 0;
	for (k : 0 .. LEGS - 1) {
		client[c].behind[k] = client[c].behind[k] & ~set_of(r)
	}
	promise(c)
}

/* ---- write-intent -------------------------------------------------------- */

#define may_write_more(c)	(runs(c) && issued < WRITES)
#define brings(c, l, r)		(is_returning(c, l) && in(own_bits(l), r))
#define needs_bit(c, r) \
	(may_write_more(c) || brings(c, 0, r) || brings(c, 1, r) \
	 third(|| brings(c, 2, r)))

#define may_set_bit(c, r, l) \
	(needs_bit(c, r) && !in(client[c].dirty, r) && keeps(NO_INTENT) && \
	 in(client[c].live, l) && obeys(l, c) && !in(disk[l].bits, r))

#define has_bit(c, r, l)	(!in(client[c].live, l) || in(disk[l].bits, r))

#define may_dirty(c, r) \
	(needs_bit(c, r) && !in(client[c].dirty, r) && \
	 has_bit(c, r, 0) && has_bit(c, r, 1) third(&& has_bit(c, r, 2)))

/* All legs: what is out will need the bit when it returns. */
#define may_clean(c, r) \
	(runs(c) && in(client[c].dirty, r) && !in(client[c].writing, r) && \
	 !in(client[c].copying, r) && !client[c].pending && \
	 (client[c].live == ALL_LEGS || !keeps(CLEAR_DEGRADED)) && \
	 is_even(c, r) && (is_committed(c, r) || !keeps(CLEAR_UNCOMMITTED)))

/* On disk it may stay for long. RAM first: the next write sets it again. */
#define may_clear_bit(c, r, l) \
	(runs(c) && !in(client[c].dirty, r) && in(client[c].live, l) && \
	 obeys(l, c) && in(disk[l].bits, r))

/* ---- writes, flushes, reads ---------------------------------------------- */

#define may_write(c, r) \
	(may_write_more(c) && !in(client[c].writing, r) && \
	 is_settled(c, r) && \
	 (!in(client[c].copying, r) || !keeps(COPY_UNLOCKED)) && \
	 (in(client[c].dirty, r) || !keeps(NO_INTENT)))

inline begin_write(c, r)
{
	issued++;
	printf("client %d: write %d to region %d\n", c, issued, r);
	latest[r] = issued;
	client[c].writing = client[c].writing | set_of(r);
	client[c].value[r] = issued;
	client[c].acked[r] = ALL_LEGS & ~client[c].live
}

/*
 * A disk writes its cache back when it likes. It matters only before content of
 * the cache is replaced or lost.
 */
inline may_write_back(l, r)
{
	if
	:: true
	:: disk[l].stable[r] != disk[l].cache[r] ->
		disk[l].stable[r] = disk[l].cache[r]
	fi
}

inline execute(l, r, content)
{
	disk[l].cache[r] = content;
	if
	:: VOLATILE
	:: else -> disk[l].stable[r] = content
	fi
}

inline retain(c, l, r)
{
	if
	:: VOLATILE ->
		client[c].retained[l] = client[c].retained[l] | set_of(r)
	:: else
	fi
}

#define may_execute(c, r, l) \
	(uses(c, l) && in(client[c].writing, r) && !in(client[c].acked[r], l))

inline execute_write(c, r, l)
{
	printf("%d executed by leg %d\n", client[c].value[r], l);
	execute(l, r, client[c].value[r]);
	retain(c, l, r);
	client[c].acked[r] = client[c].acked[r] | set_of(l)
}

/* What goes on without a leg is recorded before. */
#define may_complete(c, r) \
	(runs(c) && in(client[c].writing, r) && \
	 client[c].acked[r] == ALL_LEGS && \
	 (!client[c].pending || !keeps(STALE_UNRECORDED)))

inline complete(c, r)
{
	printf("client %d: %d completed\n", c, client[c].value[r]);
	raise(newest[r], client[c].value[r]);
	client[c].writing = client[c].writing & ~set_of(r);
	client[c].value[r] = 0;
	client[c].acked[r] = 0;
	promise(c)
}

#define may_flush(c, l)	(uses(c, l) && client[c].retained[l])

inline flush(c, l)
{
	printf("leg %d flushed\n", l);
	for (i : 0 .. REGIONS - 1) {
		disk[l].stable[i] = disk[l].cache[i]
	}
	client[c].retained[l] = 0;
	promise(c)
}

/* It may be read by whom it obeys; a read waits for writes before it. */
#define is_readable(c, r, l) \
	(uses(c, l) && is_settled(c, r) && !in(client[c].writing, r) && \
	 (in(client[c].insync, l) || \
	  !keeps(OUT_STILL_READ) && client[c].pending))

#define is_new(r, l) \
	(disk[l].cache[r] != newest[r] || disk[l].cache[r] != latest[r])

inline read(c, r, l)
{
	printf("client %d reads %d from region %d of leg %d\n", c,
	       disk[l].cache[r], r, l);
	assert(disk[l].cache[r] >= promised[r]);	/* P2 */
	assert(disk[l].cache[r] >= newest[r]);		/* P1, P7 */
	assert(disk[l].cache[r] <= latest[r]);		/* P7 */
	newest[r] = disk[l].cache[r];
	latest[r] = disk[l].cache[r];
	promise(c)
}

/* ---- crashes ------------------------------------------------------------- */

#define is_waited_for(l) \
	(runs(disk[l].owner) && in(client[disk[l].owner].live, l))

/*
 * The client knows what the leg had acked: it is what the cache had. It is a
 * power cut if the client crashes before it has replayed that, or recorded that
 * the leg is out.
 */
inline lose(l, r)
{
	if
	:: disk[l].cache[r] == disk[l].stable[r] || disk[l].lost[r]
	:: else ->
		if
		:: is_waited_for(l) &&
		   !in(client[disk[l].owner].retained[l], r)
		:: !is_waited_for(l) && !in(trusted, l)
		:: !is_waited_for(l) && in(trusted, l) &&
		   !runs(disk[l].owner) ->
			excuse(r)
		:: else -> disk[l].lost[r] = 1 + disk[l].cache[r]
		fi
	fi;
	disk[l].cache[r] = disk[l].stable[r];
	disk[l].old[r] = 0
}

inline lose_power(l)
{
	printf("leg %d loses its power\n", l);
	powers_left--;
	for (i : 0 .. REGIONS - 1) {
		lose(l, i)
	}
}

#define may_replay(c, l) \
	(runs(c) && in(client[c].live, l) && obeys(l, c) && has_lost(l))

inline replay(l)
{
	printf("replay to leg %d\n", l);
	for (i : 0 .. REGIONS - 1) {
		if
		:: disk[l].lost[i] -> disk[l].cache[i] = disk[l].lost[i] - 1
		:: else
		fi;
		disk[l].lost[i] = 0
	}
}

inline forget(c)
{
	client[c].reach = 0;
	client[c].live = 0;
	client[c].insync = 0;
	client[c].joining = 0;
	client[c].events = 0;
	client[c].record = 0;
	client[c].pending = false;
	client[c].written = 0;
	client[c].first = false;
	client[c].absent = false;
	client[c].prepared = 0;
	client[c].dirty = 0;
	client[c].writing = 0;
	client[c].copying = 0;
	for (k : 0 .. LEGS - 1) {
		client[c].behind[k] = 0;
		client[c].retained[k] = 0
	}
	for (i : 0 .. REGIONS - 1) {
		client[c].value[i] = 0;
		client[c].acked[i] = 0;
		client[c].copy[i] = 0;
		client[c].copied[i] = 0
	}
}

inline stop(c)
{
	for (k : 0 .. LEGS - 1) {
		leave_old_copies(c, k);
		for (i : 0 .. REGIONS - 1) {
			if
			:: obeys(k, c) && disk[k].lost[i] ->
				disk[k].lost[i] = 0;
				if
				:: in(trusted, k) -> excuse(i)
				:: else
				fi
			:: else
			fi
		}
	}
	forget(c)
}

inline crash(c)
{
	printf("client %d crashes\n", c);
	crashes_left--;
	stop(c);
	client[c].state = OFF
}

/* It learns that by and by: from a leg, or since it has no majority. */
#define disobeys(c, m)	(in(client[c].reach, m) && !obeys(m, c))
#define is_fenced(c) \
	(client[c].state != OFF && client[c].state != FAILED && \
	 (disobeys(c, 0) || disobeys(c, 1) \
	  member_2(|| disobeys(c, 2)) member_3(|| disobeys(c, 3))))

inline fail(c)
{
	printf("client %d is fenced out\n", c);
	stop(c);
	client[c].state = FAILED
}

/* ---- processes ----------------------------------------------------------- */

proctype client_as_such(byte c)
{
end:	do
	:: step(client[c].state == OFF, client[c].state = TAKING)
	:: step(may_settle_record(c), settle_record(c))
	:: step(may_run(c), start(c))
	:: step(crashes_left && is_on(c), crash(c))
#if CLIENTS > 1
	:: step(is_fenced(c), fail(c))
#endif
	od
}

proctype client_and_member(byte c; byte m)
{
end:	do
	:: step(client[c].state == TAKING && !in(client[c].reach, m),
		take(c, m))
	:: step(may_assemble(c, m), assemble(c, m))
	:: step(may_write_record(c, m), write_record(c, m))
	:: step(may_take_back(c, m), take_back(c, m))
	od
}

proctype client_and_leg(byte c; byte l)
{
end:	do
	:: step(may_prepare(c, l), prepare(c, l))
	:: step(may_go(c, l), declare_out(c, l))
	:: step(may_return(c, l), return_leg(c, l))
	:: step(may_join(c, l), join(c, l))
	:: step(may_flush(c, l), flush(c, l))
	:: step(may_replay(c, l), replay(l))
	od
}

proctype client_and_region(byte c; byte r)
{
end:	do
	:: step(may_dirty(c, r), client[c].dirty = client[c].dirty | set_of(r))
	:: step(may_clean(c, r),
		client[c].dirty = client[c].dirty & ~set_of(r))
	:: step(may_write(c, r), begin_write(c, r))
	:: step(may_complete(c, r), complete(c, r))
	:: step(may_end_copy(c, r), end_copy(c, r))
	od
}

proctype client_and_block(byte c; byte r; byte l)
{
end:	do
	:: step(may_set_bit(c, r, l), disk[l].bits = disk[l].bits | set_of(r))
	:: step(may_clear_bit(c, r, l),
		disk[l].bits = disk[l].bits & ~set_of(r))
	:: step(may_begin_copy(c, r, l), begin_copy(c, r, l))
	:: atomic {
		may_copy(c, r, l) ->
			may_write_back(l, r);
			step(true, copy_to(c, r, l))
	   }
	:: atomic {
		may_execute(c, r, l) ->
			may_write_back(l, r);
			step(true, execute_write(c, r, l))
	   }
	/* a read in one moment; one that teaches nothing needs no step */
	:: step(is_readable(c, r, l) && is_new(r, l), read(c, r, l))
	od
}

/* The server may be slow with what came on a connection that is gone. */
proctype block(byte r; byte l)
{
end:	do
	:: atomic {
		disk[l].old[r] ->
			may_write_back(l, r);
			d_step {
				printf("old copy of %d executed by leg %d\n",
				       disk[l].old[r] - 1, l);
				execute(l, r, disk[l].old[r] - 1);
				disk[l].old[r] = 0
			}
	   }
	od
}

proctype power(byte l)
{
end:	do
	:: atomic {
		powers_left ->
			may_write_back(l, 0);
			second_region(may_write_back(l, 1);)
			step(true, lose_power(l))
	   }
	od
}

/* Where no bit is set all legs have the same, also those that are out. */
#define is_steady(l, r)	(disk[l].cache[r] == disk[l].stable[r])
#define is_marked(c, l, r) \
	(in(client[c].dirty, r) || \
	 !in(client[c].live, l) && in(disk[l].bits, r))
#define is_same(c, a, b, r) \
	(is_marked(c, a, r) || is_marked(c, b, r) || \
	 is_steady(a, r) && is_steady(b, r) && \
	 disk[a].stable[r] == disk[b].stable[r])
#define all_equal(c, r) \
	(is_same(c, 0, 1, r) third(&& is_same(c, 0, 2, r) && \
				   is_same(c, 1, 2, r)))
#define owns_all(c) \
	(obeys(0, c) && obeys(1, c) third(&& obeys(2, c)))

hidden byte equal;		/* never set: its name is the message */

proctype inspector(byte c; byte r)
{
end:	do
	:: d_step {
		runs(c) && owns_all(c) && !all_equal(c, r) ->
			assert(equal)
	   }
	od
}

/* Not a property: shows that one can get here, whatever happens. */
#ifdef WITNESS
proctype witness()
{
	atomic {
		issued == WRITES && !outs_left && !crashes_left &&
		!powers_left && runs(CLIENTS - 1) &&
		client[CLIENTS - 1].insync == ALL_LEGS &&
		!client[CLIENTS - 1].dirty -> assert(false)
	}
}
#endif

init {
	byte c;
	byte n;
	byte r;

	atomic {
		for (n : 0 .. MEMBERS - 1) {
			disk[n].record = ALL_LEGS
		}
		for (c : 0 .. CLIENTS - 1) {
			client[c].state = OFF;
			run client_as_such(c);
			for (n : 0 .. MEMBERS - 1) {
				run client_and_member(c, n)
			}
			for (n : 0 .. LEGS - 1) {
				run client_and_leg(c, n)
			}
			for (r : 0 .. REGIONS - 1) {
				run client_and_region(c, r);
				run inspector(c, r);
				for (n : 0 .. LEGS - 1) {
					run client_and_block(c, r, n)
				}
			}
		}
		for (n : 0 .. LEGS - 1) {
			run power(n);
			for (r : 0 .. REGIONS - 1) {
				run block(r, n)
			}
		}
		/* client 0 runs */
		client[0].state = RUNNING;
		client[0].reach = set_of(MEMBERS) - 1;
		client[0].live = ALL_LEGS;
		client[0].insync = ALL_LEGS;
		client[0].record = ALL_LEGS;
		c = 0;
		n = 0;
		r = 0;
#ifdef WITNESS
		run witness()
#endif
	}
}
