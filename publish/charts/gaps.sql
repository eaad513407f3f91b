select source, object, scope, status, message, acl_gap
from audits
where is_last and is_gap
order by source, object, scope
