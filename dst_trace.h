/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: the life of a transaction and the states of lanes and devices.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dst_blk

#if !defined(DST_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DST_TRACE_H

#include <linux/tracepoint.h>

#include "dst.h"

DECLARE_EVENT_CLASS(dst_trans_class,
	TP_PROTO(struct dst_trans *t, int value),
	TP_ARGS(t, value),
	TP_STRUCT__entry(
		__field(u32, device)
		__field(u64, id)
		__field(u64, sector)
		__field(u32, length_bytes)
		__field(u8, op)
		__field(u8, flags)
		__field(int, value)
	),
	TP_fast_assign(
		__entry->device = t->dev->unit.index;
		__entry->id = t->id;
		__entry->sector = t->sector;
		__entry->length_bytes = t->length_bytes;
		__entry->op = t->op;
		__entry->flags = t->flags;
		__entry->value = value;
	),
	TP_printk("dst%u id=%llu op=%u flags=%#x sector=%llu bytes=%u value=%d",
		  __entry->device, __entry->id, __entry->op, __entry->flags,
		  __entry->sector, __entry->length_bytes, __entry->value)
);

/* value: number of earlier writes it waits for */
DEFINE_EVENT(dst_trans_class, dst_submit,
	TP_PROTO(struct dst_trans *t, int value), TP_ARGS(t, value));
/* value: lane */
DEFINE_EVENT(dst_trans_class, dst_send,
	TP_PROTO(struct dst_trans *t, int value), TP_ARGS(t, value));
/* value: lane */
DEFINE_EVENT(dst_trans_class, dst_resend,
	TP_PROTO(struct dst_trans *t, int value), TP_ARGS(t, value));
/* value: lane */
DEFINE_EVENT(dst_trans_class, dst_replay,
	TP_PROTO(struct dst_trans *t, int value), TP_ARGS(t, value));
/* value: 0; a flush: all that had been acked before it is committed */
DEFINE_EVENT(dst_trans_class, dst_commit,
	TP_PROTO(struct dst_trans *t, int value), TP_ARGS(t, value));
/* value: enum dst_proto_status */
DEFINE_EVENT(dst_trans_class, dst_ack,
	TP_PROTO(struct dst_trans *t, int value), TP_ARGS(t, value));

TRACE_EVENT(dst_lane_state,
	TP_PROTO(struct dst_lane *lane, int state, const char *why),
	TP_ARGS(lane, state, why),
	TP_STRUCT__entry(
		__field(u32, device)
		__field(unsigned int, lane)
		__field(int, state)
		__array(char, why, 64)
	),
	TP_fast_assign(
		__entry->device = lane->dev->unit.index;
		__entry->lane = lane->index;
		__entry->state = state;
		strscpy(__entry->why, why, 64);
	),
	TP_printk("dst%u lane=%u state=%d why=%s", __entry->device,
		  __entry->lane, __entry->state, __entry->why)
);

TRACE_EVENT(dst_device_state,
	TP_PROTO(struct dst_device *dev, int state, const char *why),
	TP_ARGS(dev, state, why),
	TP_STRUCT__entry(
		__field(u32, device)
		__field(int, state)
		__array(char, why, 64)
	),
	TP_fast_assign(
		__entry->device = dev->unit.index;
		__entry->state = state;
		strscpy(__entry->why, why, 64);
	),
	TP_printk("dst%u state=%d why=%s", __entry->device, __entry->state,
		  __entry->why)
);

TRACE_EVENT(dst_leg_state,
	TP_PROTO(u32 device, unsigned int leg, int state, const char *why),
	TP_ARGS(device, leg, state, why),
	TP_STRUCT__entry(
		__field(u32, device)
		__field(unsigned int, leg)
		__field(int, state)
		__array(char, why, 64)
	),
	TP_fast_assign(
		__entry->device = device;
		__entry->leg = leg;
		__entry->state = state;
		strscpy(__entry->why, why, 64);
	),
	TP_printk("dst%u leg=%u state=%d why=%s", __entry->device,
		  __entry->leg, __entry->state, __entry->why)
);

#endif /* DST_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE dst_trace
#include <trace/define_trace.h>
