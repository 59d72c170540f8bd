"""The edge of a node: HAProxy and the agent that owns it.

Map::

    agent        wiring and loops: follow the controller, apply, acknowledge, keep HAProxy alive
    applier      pure: which table holds now, and which commands make HAProxy hold it
    config       haproxy.cfg as text, from templates/; maps: the map files; names: patterns of all that is written there
    haproxy      the process: check, start, reload, adopt, stop; sockets: the ports it is given
    grpc_calls   gRPC calls that name no endpoint, answered here; grpc_passing: those whose endpoint HAProxy cannot see
    runtime      client of its admin socket
    log_receiver the request lines that it writes; forwarder: sends them on; ring_file: what a dead one left
"""
