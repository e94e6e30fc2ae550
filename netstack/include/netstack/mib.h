/* SPDX-License-Identifier: Apache-2.0 */
/* Counters with the names of /proc/net/snmp, /proc/net/snmp6 and /proc/net/netstat.
 *
 * NET_MIB_LIST(X) holds each once: X(group, Name). The order inside a group is the order in which
 * Linux prints it. Gauges and constants (Tcp RtoMin ...) are kept up to date by their owner.
 */
#pragma once

/* clang-format off */
#define NET_MIB_LIST(X)                                                                            \
	X(Ip, Forwarding) X(Ip, DefaultTTL) X(Ip, InReceives) X(Ip, InHdrErrors)                   \
	X(Ip, InAddrErrors) X(Ip, ForwDatagrams) X(Ip, InUnknownProtos) X(Ip, InDiscards)          \
	X(Ip, InDelivers) X(Ip, OutRequests) X(Ip, OutDiscards) X(Ip, OutNoRoutes)                 \
	X(Ip, ReasmTimeout) X(Ip, ReasmReqds) X(Ip, ReasmOKs) X(Ip, ReasmFails)                    \
	X(Ip, FragOKs) X(Ip, FragFails) X(Ip, FragCreates)                                         \
	X(Icmp, InMsgs) X(Icmp, InErrors) X(Icmp, InCsumErrors) X(Icmp, InDestUnreachs)            \
	X(Icmp, InTimeExcds) X(Icmp, InParmProbs) X(Icmp, InSrcQuenchs) X(Icmp, InRedirects)       \
	X(Icmp, InEchos) X(Icmp, InEchoReps) X(Icmp, InTimestamps) X(Icmp, InTimestampReps)        \
	X(Icmp, InAddrMasks) X(Icmp, InAddrMaskReps) X(Icmp, OutMsgs) X(Icmp, OutErrors)           \
	X(Icmp, OutRateLimitGlobal) X(Icmp, OutRateLimitHost) X(Icmp, OutDestUnreachs)             \
	X(Icmp, OutTimeExcds) X(Icmp, OutParmProbs) X(Icmp, OutSrcQuenchs)                         \
	X(Icmp, OutRedirects) X(Icmp, OutEchos) X(Icmp, OutEchoReps) X(Icmp, OutTimestamps)        \
	X(Icmp, OutTimestampReps) X(Icmp, OutAddrMasks) X(Icmp, OutAddrMaskReps)                   \
	X(Tcp, RtoAlgorithm) X(Tcp, RtoMin) X(Tcp, RtoMax) X(Tcp, MaxConn) X(Tcp, ActiveOpens)     \
	X(Tcp, PassiveOpens) X(Tcp, AttemptFails) X(Tcp, EstabResets) X(Tcp, CurrEstab)            \
	X(Tcp, InSegs) X(Tcp, OutSegs) X(Tcp, RetransSegs) X(Tcp, InErrs) X(Tcp, OutRsts)          \
	X(Tcp, InCsumErrors)                                                                       \
	X(Udp, InDatagrams) X(Udp, NoPorts) X(Udp, InErrors) X(Udp, OutDatagrams)                  \
	X(Udp, RcvbufErrors) X(Udp, SndbufErrors) X(Udp, InCsumErrors) X(Udp, IgnoredMulti)        \
	X(Udp, MemErrors)                                                                          \
	X(Ip6, InReceives) X(Ip6, InHdrErrors) X(Ip6, InTooBigErrors) X(Ip6, InNoRoutes)           \
	X(Ip6, InAddrErrors) X(Ip6, InUnknownProtos) X(Ip6, InTruncatedPkts) X(Ip6, InDiscards)    \
	X(Ip6, InDelivers) X(Ip6, OutForwDatagrams) X(Ip6, OutRequests) X(Ip6, OutDiscards)        \
	X(Ip6, OutNoRoutes) X(Ip6, ReasmTimeout) X(Ip6, ReasmReqds) X(Ip6, ReasmOKs)               \
	X(Ip6, ReasmFails) X(Ip6, FragOKs) X(Ip6, FragFails) X(Ip6, FragCreates)                   \
	X(Ip6, InMcastPkts) X(Ip6, OutMcastPkts) X(Ip6, InOctets) X(Ip6, OutOctets)                \
	X(Icmp6, InMsgs) X(Icmp6, InErrors) X(Icmp6, OutMsgs) X(Icmp6, OutErrors)                  \
	X(Icmp6, InCsumErrors) X(Icmp6, OutRateLimitHost)                                          \
	X(Udp6, InDatagrams) X(Udp6, NoPorts) X(Udp6, InErrors) X(Udp6, OutDatagrams)              \
	X(Udp6, RcvbufErrors) X(Udp6, SndbufErrors) X(Udp6, InCsumErrors)                          \
	X(TcpExt, SyncookiesSent) X(TcpExt, SyncookiesRecv) X(TcpExt, SyncookiesFailed)            \
	X(TcpExt, EmbryonicRsts) X(TcpExt, PruneCalled) X(TcpExt, RcvPruned)                       \
	X(TcpExt, OfoPruned) X(TcpExt, OutOfWindowIcmps) X(TcpExt, LockDroppedIcmps)               \
	X(TcpExt, TW) X(TcpExt, TWRecycled) X(TcpExt, TWKilled) X(TcpExt, PAWSActive)              \
	X(TcpExt, PAWSEstab) X(TcpExt, DelayedACKs) X(TcpExt, DelayedACKLocked)                    \
	X(TcpExt, DelayedACKLost) X(TcpExt, ListenOverflows) X(TcpExt, ListenDrops)                \
	X(TcpExt, TCPHPHits) X(TcpExt, TCPPureAcks) X(TcpExt, TCPHPAcks)                           \
	X(TcpExt, TCPRenoRecovery) X(TcpExt, TCPSackRecovery) X(TcpExt, TCPSACKReneging)           \
	X(TcpExt, TCPSACKReorder) X(TcpExt, TCPRenoReorder) X(TcpExt, TCPTSReorder)                \
	X(TcpExt, TCPFullUndo) X(TcpExt, TCPPartialUndo) X(TcpExt, TCPDSACKUndo)                   \
	X(TcpExt, TCPLossUndo) X(TcpExt, TCPLostRetransmit) X(TcpExt, TCPRenoFailures)             \
	X(TcpExt, TCPSackFailures) X(TcpExt, TCPLossFailures) X(TcpExt, TCPFastRetrans)            \
	X(TcpExt, TCPSlowStartRetrans) X(TcpExt, TCPTimeouts) X(TcpExt, TCPLossProbes)             \
	X(TcpExt, TCPLossProbeRecovery) X(TcpExt, TCPRenoRecoveryFail)                             \
	X(TcpExt, TCPSackRecoveryFail) X(TcpExt, TCPRcvCollapsed) X(TcpExt, TCPDSACKOldSent)       \
	X(TcpExt, TCPDSACKOfoSent) X(TcpExt, TCPDSACKRecv) X(TcpExt, TCPDSACKOfoRecv)              \
	X(TcpExt, TCPAbortOnData) X(TcpExt, TCPAbortOnClose) X(TcpExt, TCPAbortOnMemory)           \
	X(TcpExt, TCPAbortOnTimeout) X(TcpExt, TCPAbortOnLinger) X(TcpExt, TCPAbortFailed)         \
	X(TcpExt, TCPMemoryPressures) X(TcpExt, TCPSACKDiscard) X(TcpExt, TCPSpuriousRTOs)         \
	X(TcpExt, TCPBacklogDrop) X(TcpExt, TCPTimeWaitOverflow) X(TcpExt, TCPReqQFullDoCookies)   \
	X(TcpExt, TCPReqQFullDrop) X(TcpExt, TCPRetransFail) X(TcpExt, TCPRcvCoalesce)             \
	X(TcpExt, TCPOFOQueue) X(TcpExt, TCPOFODrop) X(TcpExt, TCPOFOMerge)                        \
	X(TcpExt, TCPChallengeACK) X(TcpExt, TCPSYNChallenge) X(TcpExt, TCPFromZeroWindowAdv)      \
	X(TcpExt, TCPToZeroWindowAdv) X(TcpExt, TCPWantZeroWindowAdv) X(TcpExt, TCPSynRetrans)     \
	X(TcpExt, TCPOrigDataSent) X(TcpExt, TCPACKSkippedSynRecv) X(TcpExt, TCPACKSkippedPAWS)    \
	X(TcpExt, TCPACKSkippedSeq) X(TcpExt, TCPACKSkippedFinWait2)                               \
	X(TcpExt, TCPACKSkippedTimeWait) X(TcpExt, TCPACKSkippedChallenge)                         \
	X(TcpExt, TCPWinProbe) X(TcpExt, TCPKeepAlive) X(TcpExt, TCPDelivered)                     \
	X(TcpExt, TCPAckCompressed) X(TcpExt, TCPZeroWindowDrop) X(TcpExt, TCPRcvQDrop)            \
	X(TcpExt, TCPFastOpenActive) X(TcpExt, TCPFastOpenActiveFail)                              \
	X(TcpExt, TCPFastOpenPassive) X(TcpExt, TCPFastOpenPassiveFail)                            \
	X(TcpExt, TCPFastOpenListenOverflow) X(TcpExt, TCPFastOpenCookieReqd)                      \
	X(TcpExt, TCPFastOpenBlackhole) X(TcpExt, TCPFastOpenPassiveAltKey)                        \
	X(TcpExt, TCPMD5NotFound) X(TcpExt, TCPMD5Unexpected) X(TcpExt, TCPMD5Failure)             \
	X(TcpExt, TCPHystartTrainDetect) X(TcpExt, TCPHystartTrainCwnd)                            \
	X(TcpExt, TCPHystartDelayDetect) X(TcpExt, TCPHystartDelayCwnd)                            \
	X(TcpExt, TCPAutoCorking) X(TcpExt, TCPMTUPFail) X(TcpExt, TCPMTUPSuccess)                 \
	X(TcpExt, TCPDeliveredCE) X(TcpExt, TcpTimeoutRehash) X(TcpExt, TcpDuplicateDataRehash)    \
	X(TcpExt, TCPDSACKRecvSegs) X(TcpExt, TCPDSACKIgnoredDubious)                              \
	X(TcpExt, TCPDSACKIgnoredOld) X(TcpExt, TCPDSACKIgnoredNoUndo)                             \
	X(TcpExt, TCPSackShiftFallback) X(TcpExt, TCPDeferAcceptDrop)                           \
	X(TcpExt, TCPWqueueTooBig)                                                                \
	X(IpExt, InNoRoutes) X(IpExt, InTruncatedPkts) X(IpExt, InMcastPkts)                       \
	X(IpExt, OutMcastPkts) X(IpExt, InBcastPkts) X(IpExt, OutBcastPkts) X(IpExt, InOctets)     \
	X(IpExt, OutOctets) X(IpExt, InCsumErrors)

/* clang-format on */

enum net_mib {
#define NET_MIB_ENUM_(group, name) MIB_##group##_##name,
	NET_MIB_LIST(NET_MIB_ENUM_)
#undef NET_MIB_ENUM_
		NET_MIB_COUNT,
};

/* "Tcp" and "InSegs" of a counter. */
const char *net_mib_group(enum net_mib which);
const char *net_mib_name(enum net_mib which);
