-- One row per value stream: values of the past that the last publication has otherwise.
select
    value_stream_key as stream,
    count(*) as restated_values,
    count(distinct period_start) as periods,
    string_agg(distinct replace(cause, '_', ' '), ', ' order by replace(cause, '_', ' ')) as causes
from meta.restatements
where version_no = (select max(version_no) from meta.publications)
group by value_stream_key
order by stream
