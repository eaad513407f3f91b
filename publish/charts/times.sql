select work, stream, item_key, work_type, finished_date, start_to_done_s
from finished
where start_to_done_s is not null
qualify row_number() over (partition by work order by finished_date desc, item_key) <= 5000
order by work, finished_date desc, item_key
