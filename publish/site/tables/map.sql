-- One row per value stream, kind of work, range and stage.
select *
from mapped
order by work, stream, range, position, label
