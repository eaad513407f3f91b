-- One row per finished item with a flow time; of the newest 5,000 of a value stream and kind of
-- work.
select
    finished.work,
    finished.stream,
    finished.item_key,
    finished.work_type,
    finished.finished_date,
    finished.start_to_done_s
from finished
where finished.start_to_done_s is not null
qualify
    row_number() over (
        partition by finished.work, finished.stream
        order by finished.finished_date desc, finished.item_key
    ) <= $most
order by finished.work, finished.stream, finished.finished_date desc, finished.item_key
