select work_item_key as row_key

from {{ ref('fct_work_item_flows') }}

where
    flow_efficiency_share < 0
    or flow_efficiency_share > 1
    or abs(flow_efficiency_share * (active_s + wait_s) - active_s) > 0.5

union all

select metric_flow_key as row_key

from {{ ref('metric_flow') }}

where
    flow_efficiency_share < 0
    or flow_efficiency_share > 1
    or distribution_share < 0
    or distribution_share > 1
    or abs(flow_efficiency_share * (active_s + wait_s) - active_s) > 0.5
