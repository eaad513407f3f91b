-- One row per value stream, kind of work, range and stage with a target.
select
    work,
    stream,
    range,
    position,
    label,
    visits,
    wait_p50_s,
    wait_target_s,
    wait_gap_s,
    touch_p50_s,
    touch_target_s,
    touch_gap_s
from mapped
where wait_target_s is not null or touch_target_s is not null
order by work, stream, range, position
