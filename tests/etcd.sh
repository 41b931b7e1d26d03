# Sourced by scripts that need a real etcd.
#
# start_etcd FOLDER [OPTION]...: one of one member in the background, on ports
# that nobody listens at.  Then its URL is $etcd_url and its process
# $etcd_pid, which whoever called ends; what it says is in FOLDER.log.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../ports.sh"

start_etcd() {
    etcd_folder=$1
    shift
    etcd_port=$(take_ports) || exit 1
    etcd_url=http://127.0.0.1:$etcd_port
    etcd_peer=http://127.0.0.1:$((etcd_port + 1))
    etcd --name one --data-dir "$etcd_folder" --logger zap \
        --listen-client-urls "$etcd_url" --advertise-client-urls "$etcd_url" \
        --listen-peer-urls "$etcd_peer" \
        --initial-advertise-peer-urls "$etcd_peer" \
        --initial-cluster "one=$etcd_peer" "$@" >"$etcd_folder.log" 2>&1 &
    etcd_pid=$!
}

# start_etcd_three FOLDER [OPTION]...: three members of a cluster, 1 to 3, each
# with its data in FOLDER/N and what it says in FOLDER/N.log.  $etcd_urls has
# their URLs, with commas.  Then etcd_of N is the URL of one, etcd_signal
# SIGNAL N... sends a signal, etcd_begin N... starts those that were killed, and
# etcd_leader prints which leads.  end_etcd_three ends all.
start_etcd_three() {
    etcd_folder=$1
    shift
    etcd_options=$*
    mkdir -p "$etcd_folder"
    etcd_port=$(take_ports) || exit 1
    etcd_urls= etcd_cluster=
    for i in 1 2 3; do
        etcd_urls=$etcd_urls${etcd_urls:+,}$(etcd_of $i)
        etcd_cluster=$etcd_cluster${etcd_cluster:+,}m$i=$(etcd_peer_of $i)
    done
    etcd_begin 1 2 3
}
etcd_of() { # N
    echo "http://127.0.0.1:$((etcd_port + $1 * 2 - 2))"
}
etcd_peer_of() { # N
    echo "http://127.0.0.1:$((etcd_port + $1 * 2 - 1))"
}
etcd_begin() { # N...
    for i in "$@"; do
        # shellcheck disable=SC2086 # options are words
        etcd --name "m$i" --data-dir "$etcd_folder/$i" --logger zap \
            --listen-client-urls "$(etcd_of "$i")" \
            --advertise-client-urls "$(etcd_of "$i")" \
            --listen-peer-urls "$(etcd_peer_of "$i")" \
            --initial-advertise-peer-urls "$(etcd_peer_of "$i")" \
            --initial-cluster "$etcd_cluster" $etcd_options \
            >>"$etcd_folder/$i.log" 2>&1 &
        echo $! >"$etcd_folder/$i.pid"
    done
}
etcd_signal() { # SIGNAL N...
    etcd_signal=$1
    shift
    for i in "$@"; do
        kill -"$etcd_signal" "$(cat "$etcd_folder/$i.pid")" 2>/dev/null
        [ "$etcd_signal" != KILL ] ||
            wait "$(cat "$etcd_folder/$i.pid")" 2>/dev/null
    done
}
etcd_leader() {
    for i in 1 2 3; do
        curl -s -m 2 -d '{}' "$(etcd_of $i)/v3/maintenance/status" |
            tr ',{}' '\n\n\n' | tr -d '"' |
            awk -F: '$1 == "member_id" { m = $2 } $1 == "leader" { l = $2 }
                END { exit !(m != "" && m == l) }' && echo $i && return
    done
    return 1
}
end_etcd_three() {
    for i in 1 2 3; do
        [ ! -e "$etcd_folder/$i.pid" ] || etcd_signal CONT $i
        [ ! -e "$etcd_folder/$i.pid" ] || etcd_signal KILL $i
    done
}
